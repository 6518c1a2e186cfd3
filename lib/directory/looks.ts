/** What of a task is to be looked at: its task file, its log, its claim and marker. */
export type Part = 'json' | 'log' | 'side'

interface Pending {
  parts: Set<Part>
  waiters: Array<() => void>
}

/**
 * Turns hints into looks. One look at a time for each task, and every look starts after the last hint: what is
 * marked while a look is under way is looked at again. No debounce.
 */
export class Looks {
  readonly #look: (id: string, parts: ReadonlySet<Part>) => Promise<Iterable<Part>>
  readonly #concurrency: number
  readonly #pending = new Map<string, Pending>()
  readonly #queue: string[] = []
  #running = 0
  #closed = false
  #idle: (() => void) | undefined

  /** @param look must not reject; gives the parts that are to be looked at again at once */
  constructor (look: (id: string, parts: ReadonlySet<Part>) => Promise<Iterable<Part>>, { concurrency = 32 } = {}) {
    this.#look = look
    this.#concurrency = concurrency
  }

  /** Whether a task is marked or being looked at. */
  has (id: string): boolean {
    return this.#pending.has(id)
  }

  mark (id: string, part: Part): void {
    this.#mark(id).parts.add(part)
  }

  /** Marks parts of a task; resolves when a look at them that began after this call has ended. */
  look (id: string, parts: Iterable<Part>): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const pending = this.#mark(id)
      for (const part of parts) pending.parts.add(part)
      pending.waiters.push(resolve)
    })
  }

  /** Begins nothing more; resolves when the last look has ended. */
  async close (): Promise<void> {
    this.#closed = true
    for (const { waiters } of this.#pending.values()) for (const resolve of waiters) resolve()
    if (this.#running > 0) await new Promise<void>((resolve) => { this.#idle = resolve })
  }

  #mark (id: string): Pending {
    let pending = this.#pending.get(id)
    if (pending === undefined) {
      pending = { parts: new Set(), waiters: [] }
      this.#pending.set(id, pending)
      this.#queue.push(id)
      // what the caller still has to add is added before the next tick
      if (this.#running < this.#concurrency) queueMicrotask(() => this.#pump())
    }
    return pending
  }

  #pump (): void {
    while (!this.#closed && this.#running < this.#concurrency && this.#queue.length > 0) {
      this.#run(this.#queue.shift()!)
    }
    if (this.#closed && this.#running === 0) this.#idle?.()
  }

  async #run (id: string): Promise<void> {
    this.#running++
    const pending = this.#pending.get(id)!
    while (pending.parts.size > 0 && !this.#closed) {
      const { parts, waiters } = pending
      pending.parts = new Set()
      pending.waiters = []
      for (const part of await this.#look(id, parts)) pending.parts.add(part)
      for (const resolve of waiters) resolve()
    }
    this.#pending.delete(id)
    this.#running--
    this.#pump()
  }
}
