import { bisect } from './bisect.ts'

/** A block that grows beyond this is split. */
const MAX_BLOCK_LENGTH = 1024

/** An order of items. The key and the result must not change while the items are in the list. */
export interface Order<T> {
  /** Items are sorted by this number, ascending. */
  readonly keyOf: (item: T) => number
  /** Compares items with equal keys, like the function of `sort`. It returns 0 only for the same item. */
  readonly compareEqual: (a: T, b: T) => number
}

interface Block<T> {
  readonly items: T[]
  /** Of the items. Reading the keys from the items would take most of the time, because they are anywhere in memory. */
  readonly keys: number[]
}

/**
 * A list that is sorted at any time. It is stored in blocks, so that adding and deleting an item of 100,000 takes about a
 * microsecond, and no operation has to sort.
 */
export class SortedList<T> implements Iterable<T> {
  readonly #order: Order<T>
  /** None is empty. */
  readonly #blocks: Array<Block<T>> = []
  #length = 0

  constructor (order: Order<T>) {
    this.#order = order
  }

  get length (): number {
    return this.#length
  }

  /** Adds an item that is not in the list. */
  add (item: T): void {
    this.#length++
    const key = this.#order.keyOf(item)
    // after all others: into the last block
    const blockIndex = Math.min(this.#blockOf(item, key), this.#blocks.length - 1)
    const block = this.#blocks[blockIndex]
    if (block === undefined) {
      this.#blocks.push({ items: [item], keys: [key] })
      return
    }
    const { items, keys } = block
    const index = this.#indexIn(block, item, key)
    items.splice(index, 0, item)
    keys.splice(index, 0, key)
    if (items.length > MAX_BLOCK_LENGTH) {
      this.#blocks.splice(blockIndex + 1, 0, { items: items.splice(MAX_BLOCK_LENGTH / 2), keys: keys.splice(MAX_BLOCK_LENGTH / 2) })
    }
  }

  /** @returns whether it was in the list */
  delete (item: T): boolean {
    const key = this.#order.keyOf(item)
    const blockIndex = this.#blockOf(item, key)
    const block = this.#blocks[blockIndex]
    if (block === undefined) return false
    const index = this.#indexIn(block, item, key)
    if (block.items[index] !== item) return false
    block.items.splice(index, 1)
    block.keys.splice(index, 1)
    if (block.items.length === 0) this.#blocks.splice(blockIndex, 1)
    this.#length--
    return true
  }

  /** The items in their order. The list must not change during the iteration. */
  * [Symbol.iterator] (): Generator<T, void, undefined> {
    for (const { items } of this.#blocks) yield * items
  }

  /**
   * The items from the first one for which `isIncluded` holds; it must hold for all after it. The list must not change during
   * the iteration.
   */
  * from (isIncluded: (item: T) => boolean): Generator<T, void, undefined> {
    let blockIndex = bisect(this.#blocks.length, (index) => isIncluded(this.#blocks[index]!.items.at(-1)!))
    const first = this.#blocks[blockIndex]?.items
    if (first === undefined) return
    yield * first.slice(bisect(first.length, (index) => isIncluded(first[index]!)))
    while (++blockIndex < this.#blocks.length) yield * this.#blocks[blockIndex]!.items
  }

  /** The last item for which `isMatch` holds. */
  findLast (isMatch: (item: T) => boolean): T | undefined {
    for (let index = this.#blocks.length - 1; index >= 0; index--) {
      const found = this.#blocks[index]!.items.findLast(isMatch)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Index of the block that has the item, or into which it belongs; the number of blocks if it follows all items. */
  #blockOf (item: T, key: number): number {
    return bisect(this.#blocks.length, (index) => {
      const block = this.#blocks[index]!
      return this.#isAtOrAfter(block, block.items.length - 1, item, key)
    })
  }

  #indexIn (block: Block<T>, item: T, key: number): number {
    return bisect(block.items.length, (index) => this.#isAtOrAfter(block, index, item, key))
  }

  /** Whether the item of the block is the given one, or belongs after it. */
  #isAtOrAfter ({ items, keys }: Block<T>, index: number, item: T, key: number): boolean {
    const other = keys[index]!
    return other > key || (other === key && this.#order.compareEqual(items[index]!, item) >= 0)
  }
}
