import { EventStream, type FeedMessage } from './helpers.ts'

/**
 * A client that follows the feed's rules and keeps a copy of all tasks and logs: it lists, opens the feed, drops what
 * it has, fetches gaps, and starts over where it is told to.
 */
export class Mirror {
  readonly tasks = new Map<string, any>()
  readonly logs = new Map<string, Buffer>()
  readonly #url: string
  stream: EventStream | undefined
  #work: Promise<void> = Promise.resolve()
  #lastEventId = ''
  resumed = 0
  listed = 0

  constructor (url: string) {
    this.#url = url
  }

  async start (): Promise<void> {
    await this.#list()
    await this.connect()
  }

  /** Connects (again), resuming from the last id that was seen. */
  async connect (): Promise<void> {
    for (;;) {
      this.stream = new EventStream(`${this.#url}/events?lastEventId=${this.#lastEventId}`, { onMessage: (message) => this.#enqueue(message) })
      await this.stream.open()
      const ready = await this.stream.find(({ event }) => event === 'ready')
      if (ready.data.resumed) {
        this.resumed++
        return
      }
      this.stream.close()
      await this.settled()
      await this.#list()
    }
  }

  disconnect (): void {
    if (this.stream !== undefined) this.#lastEventId = this.stream.lastEventId || this.#lastEventId
    this.stream?.close()
  }

  /** Everything that came has been worked in. */
  async settled (): Promise<void> {
    await this.#work
  }

  async #list (): Promise<void> {
    this.listed++
    const response = await fetch(this.#url)
    const tasks = await response.json() as any[]
    this.#lastEventId = response.headers.get('last-event-id')!
    this.tasks.clear()
    for (const task of tasks) this.tasks.set(task.id, task)
    for (const id of this.logs.keys()) if (!this.tasks.has(id)) this.logs.delete(id)
    for (const id of this.tasks.keys()) {
      this.logs.delete(id)
      await this.#fetchGap(id)
    }
  }

  #enqueue (message: FeedMessage): void {
    this.#work = this.#work.then(() => this.#apply(message))
  }

  async #apply ({ event, data }: FeedMessage): Promise<void> {
    if (event === 'task.upsert') this.tasks.set(data.id, data)
    if (event === 'task.deleted') {
      this.tasks.delete(data.id)
      this.logs.delete(data.id)
    }
    if (event !== 'task.log') return
    if (data.truncated) this.logs.set(data.id, Buffer.alloc(0))
    const have = this.logs.get(data.id) ?? Buffer.alloc(0)
    const chunk = Buffer.from(data.chunk)
    if (data.end <= have.length) return
    if (data.offset > have.length || data.lossy || chunk.length !== data.end - data.offset) return await this.#fetchGap(data.id)
    this.logs.set(data.id, Buffer.concat([have, chunk.subarray(have.length - data.offset)]))
  }

  async #fetchGap (id: string): Promise<void> {
    const have = this.logs.get(id) ?? Buffer.alloc(0)
    const response = await fetch(`${this.#url}/${id}/log?position=${have.length}`)
    // gone, or shorter than what was told: the event that says so is under way
    if (response.status !== 200) return await response.body?.cancel()
    // it may break off where the log shrinks meanwhile
    const rest = await response.arrayBuffer().catch(() => new ArrayBuffer(0))
    this.logs.set(id, Buffer.concat([have, Buffer.from(rest)]))
  }
}
