/** What of a task is to be looked at: its task file, its log, its claim and marker. */
export type Part = 'json' | 'log' | 'side'

interface Pending {
  parts: Set<Part>
  waiters: Array<() => void>
  running: boolean
  /** It is in the high-priority queue. */
  urgent: boolean
}

/**
 * Coalescing work queue: turns change hints into refreshes. At most one refresh per task at a time; a hint during a
 * refresh triggers another one. No debounce. Task files take priority over logs, so heavy output never delays status
 * changes.
 */
export class RefreshQueue {
  readonly #look: (id: string, parts: ReadonlySet<Part>) => Promise<Iterable<Part>>
  readonly #concurrency: number
  readonly #pending = new Map<string, Pending>()
  readonly #urgent: string[] = []
  readonly #logs: string[] = []
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
    this.#add(id, [part])
  }

  /** Marks parts of a task; resolves when a look at them that began after this call has ended. */
  look (id: string, parts: Iterable<Part>): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => { this.#add(id, parts).waiters.push(resolve) })
  }

  /** Begins nothing more; resolves when the last look has ended. */
  async close (): Promise<void> {
    this.#closed = true
    for (const { waiters } of this.#pending.values()) for (const resolve of waiters) resolve()
    if (this.#running > 0) await new Promise<void>((resolve) => { this.#idle = resolve })
  }

  #add (id: string, parts: Iterable<Part>): Pending {
    let pending = this.#pending.get(id)
    if (pending === undefined) {
      pending = { parts: new Set(), waiters: [], running: false, urgent: false }
      this.#pending.set(id, pending)
    }
    const waits = pending.parts.size > 0
    for (const part of parts) pending.parts.add(part)
    if (!pending.running) this.#enqueue(id, pending, waits)
    return pending
  }

  #enqueue (id: string, pending: Pending, waits: boolean): void {
    const urgent = pending.parts.has('json') || pending.parts.has('side')
    if (urgent && !pending.urgent) this.#urgent.push(id)
    else if (!urgent && !waits) this.#logs.push(id)
    pending.urgent = urgent
    // what the caller still has to add is added before the next tick
    if (this.#running < this.#concurrency) queueMicrotask(() => this.#pump())
  }

  #pump (): void {
    while (!this.#closed && this.#running < this.#concurrency) {
      const id = this.#urgent.shift() ?? this.#logs.shift()
      if (id === undefined) break
      const pending = this.#pending.get(id)
      // it may stand in both queues
      if (pending?.running === false) this.#run(id, pending)
    }
    if (this.#closed && this.#running === 0) this.#idle?.()
  }

  /** One look; what is to be looked at again waits for its turn. */
  async #run (id: string, pending: Pending): Promise<void> {
    this.#running++
    pending.running = true
    const { parts, waiters } = pending
    pending.parts = new Set()
    pending.waiters = []
    for (const part of await this.#look(id, parts)) pending.parts.add(part)
    for (const resolve of waiters) resolve()
    pending.running = pending.urgent = false
    this.#running--
    if (pending.parts.size === 0) this.#pending.delete(id)
    else this.#enqueue(id, pending, false)
    this.#pump()
  }
}
