import { answer } from './child.ts'
import { ExpectedStream } from './expected-stream.ts'
import { within } from './lab.ts'
import { SseClient } from './sse-client.ts'

export interface Connecting {
  /** All clients with the same name must receive the same bytes. */
  readonly name: string
  readonly port: number
  readonly path?: string
  /** The last frame of the start of the stream, which differs between clients: the event `ready`, or `retry`. Default: `ready`. */
  readonly opening?: 'ready' | 'retry'
  readonly count: number
  /** How many clients connect at the same time. Default: 50. */
  readonly batchSize?: number
  readonly delays?: boolean
}

/** Answer to `received`. */
export interface Received {
  /** Sizes from events without bytes: log chunks that were withheld. */
  readonly sizeUpdates: readonly number[]
}

export interface Delays {
  readonly count: number
  readonly p50: number
  readonly p99: number
}

/** Histogram of the delays, in tenths of a millisecond. */
const delays = new Uint32Array(600_000)
const groups = new Map<string, Group>()

/** The clients of one server. */
class Group {
  readonly clients: SseClient[] = []
  readonly expected = new ExpectedStream()
  #size = 0
  #behind = 0
  #onReceived: () => void = () => {}

  async connect ({ port, path = '/events', opening = 'ready', count, batchSize = 50, delays: measured = false }: Connecting): Promise<void> {
    const onEvents = (client: SseClient, before: number) => {
      if (before < this.#size && client.size >= this.#size && --this.#behind === 0) this.#onReceived()
    }
    // negative if the timer of an event was early
    const onDelay = (ms: number) => { delays[Math.max(0, Math.min(delays.length - 1, Math.round(ms * 10)))]!++ }
    for (let connected = 0; connected < count; connected += batchSize) {
      const batch = Array.from({ length: Math.min(batchSize, count - connected) }, () => new SseClient({
        port, path, opening, expected: this.expected, onEvents, ...(measured && { onDelay })
      }))
      this.clients.push(...batch)
      await Promise.all(batch.map(({ attached }) => attached))
    }
  }

  /** Resolves when all clients have received the log up to that size. @returns the size updates among the events */
  async received (size: number): Promise<Received> {
    this.#size = size
    this.#behind = this.clients.filter((client) => client.size < size).length
    if (this.#behind > 0) await within(new Promise<void>((resolve) => { this.#onReceived = resolve }), () => `${this.#behind} clients did not receive the log up to ${size}`)
    // a ping may have reached only some clients
    this.expected.forget(Math.min(...this.clients.map(({ offset }) => offset)))
    return { sizeUpdates: this.expected.sizeUpdates }
  }
}

answer({}, {
  connect: async (connecting: Connecting) => {
    const group = new Group()
    groups.set(connecting.name, group)
    await group.connect(connecting)
  },
  received: async ({ name, size }: { name: string, size: number }) => await groups.get(name)!.received(size),
  closed: async (name: string) => { await Promise.all(groups.get(name)!.clients.map(({ closed }) => closed)) },
  pause: (name: string) => { for (const client of groups.get(name)!.clients) client.pause() },
  resume: (name: string) => { for (const client of groups.get(name)!.clients) client.resume() },
  disconnect: (name: string) => { for (const client of groups.get(name)!.clients) client.destroy() },
  /** The delays since the previous question. */
  delays: () => {
    const result = { count: delays.reduce((sum, count) => sum + count, 0), p50: quantile(0.5), p99: quantile(0.99) } satisfies Delays
    delays.fill(0)
    return result
  }
})

function quantile (part: number): number {
  const count = delays.reduce((sum, each) => sum + each, 0)
  let sum = 0
  return delays.findIndex((each) => (sum += each) >= count * part) / 10
}
