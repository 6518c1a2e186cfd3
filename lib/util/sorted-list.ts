import { bisect } from './bisect.ts'

/** A block that grows beyond this is split. */
const MAX_BLOCK_LENGTH = 1024

/**
 * A list that is sorted at any time. It is stored in blocks, so that adding and deleting an item of 100,000 takes some
 * microseconds, and no operation has to sort.
 */
export class SortedList<T> implements Iterable<T> {
  readonly #compare: (a: T, b: T) => number
  /** None is empty. */
  readonly #blocks: T[][] = []
  #length = 0

  /** @param compare like that of `sort`. It must return 0 only for the same item, and its result must not change while both are in the list */
  constructor (compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get length (): number {
    return this.#length
  }

  /** Adds an item that is not in the list. */
  add (item: T): void {
    this.#length++
    // after all others: into the last block
    const index = Math.min(this.#blockOf(item), this.#blocks.length - 1)
    const block = this.#blocks[index]
    if (block === undefined) {
      this.#blocks.push([item])
      return
    }
    block.splice(this.#indexIn(block, item), 0, item)
    if (block.length > MAX_BLOCK_LENGTH) this.#blocks.splice(index + 1, 0, block.splice(MAX_BLOCK_LENGTH / 2))
  }

  /** @returns whether it was in the list */
  delete (item: T): boolean {
    const blockIndex = this.#blockOf(item)
    const block = this.#blocks[blockIndex] ?? []
    const index = this.#indexIn(block, item)
    if (block[index] !== item) return false
    block.splice(index, 1)
    if (block.length === 0) this.#blocks.splice(blockIndex, 1)
    this.#length--
    return true
  }

  /** The items in their order. The list must not change during the iteration. */
  * [Symbol.iterator] (): Generator<T, void, undefined> {
    for (const block of this.#blocks) yield * block
  }

  /**
   * The items from the first one for which `isIncluded` holds; it must hold for all after it. The list must not change during
   * the iteration.
   */
  * from (isIncluded: (item: T) => boolean): Generator<T, void, undefined> {
    let blockIndex = bisect(this.#blocks.length, (index) => isIncluded(this.#blocks[index]!.at(-1)!))
    const first = this.#blocks[blockIndex]
    if (first === undefined) return
    yield * first.slice(bisect(first.length, (index) => isIncluded(first[index]!)))
    while (++blockIndex < this.#blocks.length) yield * this.#blocks[blockIndex]!
  }

  /** The last item for which `isMatch` holds. */
  findLast (isMatch: (item: T) => boolean): T | undefined {
    for (let index = this.#blocks.length - 1; index >= 0; index--) {
      const found = this.#blocks[index]!.findLast(isMatch)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Index of the block that has the item, or into which it belongs; the number of blocks if it follows all items. */
  #blockOf (item: T): number {
    return bisect(this.#blocks.length, (index) => this.#compare(this.#blocks[index]!.at(-1)!, item) >= 0)
  }

  #indexIn (block: readonly T[], item: T): number {
    return bisect(block.length, (index) => this.#compare(block[index]!, item) >= 0)
  }
}
