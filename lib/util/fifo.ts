/** A queue: unlike `shift` of a long array, `take` does not move the other items. */
export class Fifo<T> {
  #items: T[] = []
  /** Index of the first item. */
  #first = 0

  get size (): number {
    return this.#items.length - this.#first
  }

  add (item: T): void {
    this.#items.push(item)
  }

  /** Removes and returns the item that was added first. */
  take (): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#first++]
    // rarely, so that it costs little
    if (this.#first > 1000 && this.#first > this.#items.length / 2) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}
