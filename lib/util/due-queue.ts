interface Entry {
  readonly key: string
  due: number
}

/** Keys with the time at which each is due, by the monotonic clock, in ms. Keys that are not due cost nothing. */
export class DueQueue {
  /** A binary heap: no entry is due later than the two at twice its index, plus 1 and plus 2. */
  readonly #heap: Entry[] = []
  /** Key → index in the heap. */
  readonly #indexes = new Map<string, number>()

  get size (): number {
    return this.#heap.length
  }

  has (key: string): boolean {
    return this.#indexes.has(key)
  }

  /** Adds a key, or changes when it is due. */
  set (key: string, due: number): void {
    const index = this.#indexes.get(key) ?? this.#heap.length
    this.#place({ key, due }, index)
    this.#moveUp(index)
    this.#moveDown(this.#indexes.get(key)!)
  }

  /** Makes a key due at that time, unless it is due earlier already. */
  bringForward (key: string, due: number): void {
    const index = this.#indexes.get(key)
    if (index === undefined || this.#heap[index]!.due > due) this.set(key, due)
  }

  delete (key: string): void {
    const index = this.#indexes.get(key)
    if (index === undefined) return
    this.#indexes.delete(key)
    const last = this.#heap.pop()!
    if (last.key !== key) {
      this.#place(last, index)
      this.#moveUp(index)
      this.#moveDown(this.#indexes.get(last.key)!)
    }
  }

  /**
   * Deletes and yields the keys that are due now, the earliest first, until `budgetMs` has passed: at least one, if there
   * is one. A key that becomes due meanwhile is left for the next call.
   */
  * takeDue (budgetMs = Infinity): Generator<string> {
    const start = performance.now()
    do {
      const first = this.#heap[0]
      if (first === undefined || first.due > start) return
      this.delete(first.key)
      yield first.key
    } while (performance.now() - start < budgetMs)
  }

  #moveUp (from: number): void {
    for (let index = from; index > 0;) {
      const parent = (index - 1) >> 1
      if (this.#heap[parent]!.due <= this.#heap[index]!.due) return
      this.#swap(parent, index)
      index = parent
    }
  }

  #moveDown (from: number): void {
    for (let index = from; ;) {
      const child = this.#earlierChild(index)
      if (child === undefined || this.#heap[child]!.due >= this.#heap[index]!.due) return
      this.#swap(child, index)
      index = child
    }
  }

  #earlierChild (index: number): number | undefined {
    const [left, right] = [2 * index + 1, 2 * index + 2]
    if (right < this.#heap.length && this.#heap[right]!.due < this.#heap[left]!.due) return right
    return left < this.#heap.length ? left : undefined
  }

  #swap (a: number, b: number): void {
    const entry = this.#heap[a]!
    this.#place(this.#heap[b]!, a)
    this.#place(entry, b)
  }

  #place (entry: Entry, index: number): void {
    this.#heap[index] = entry
    this.#indexes.set(entry.key, index)
  }
}
