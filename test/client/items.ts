import { inspect } from 'node:util'
import { WAIT_MS } from '../wait-for.ts'

/** Reads an async generator item by item. Every wait has a deadline; its error shows the items so far. */
export class Items<T, R = void> {
  readonly seen: T[] = []
  readonly #generator: AsyncGenerator<T, R, undefined>

  constructor (generator: AsyncGenerator<T, R, undefined>) {
    this.#generator = generator
  }

  /** The next item. */
  async next (): Promise<T> {
    const result = await this.#result('an item')
    if (result.done === true) throw new Error(`The generator returned ${inspect(result.value)} instead of an item. ${this.#description()}`)
    return result.value
  }

  /** The next item that fits; skips others. */
  async find (fits: (item: T) => boolean): Promise<T> {
    for (;;) {
      const item = await this.next()
      if (fits(item)) return item
    }
  }

  /** Reads the remaining items; resolves with the return value. */
  async end (): Promise<R> {
    for (;;) {
      const result = await this.#result('the end')
      if (result.done === true) return result.value
    }
  }

  /** Leaves the generator. */
  async leave (value: R): Promise<void> {
    await this.#generator.return(value)
  }

  async #result (wanted: string): Promise<IteratorResult<T, R>> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`The generator did not yield ${wanted} within ${WAIT_MS} ms. ${this.#description()}`)), WAIT_MS)
    })
    try {
      const result = await Promise.race([this.#generator.next(), deadline])
      if (result.done !== true) this.seen.push(result.value)
      return result
    } finally {
      clearTimeout(timer)
    }
  }

  #description (): string {
    return `Items so far: ${inspect(this.seen, { depth: 3, maxStringLength: 100 })}`
  }
}
