import { answer } from './child.ts'
import { ExpectedStream } from './expected-stream.ts'
import { within } from './lab.ts'
import { SseClient } from './sse-client.ts'

export interface Connecting {
  /** The clients of one name must all receive the same. */
  readonly name: string
  readonly port: number
  readonly path?: string
  readonly count: number
  /** How many connect at a time. Default: 50. */
  readonly atOnce?: number
  readonly delays?: boolean
}

export interface Delays {
  readonly count: number
  readonly p50: number
  readonly p99: number
}

/** Tenths of a millisecond. */
const delays = new Uint32Array(600_000)
const groups = new Map<string, Group>()

/** The clients of one server. */
class Group {
  readonly clients: SseClient[] = []
  readonly expected = new ExpectedStream()
  #size = 0
  #behind = 0
  #done: () => void = () => {}

  async connect ({ port, path = '/events', count, atOnce = 50, delays: measured = false }: Connecting): Promise<void> {
    const onEvents = (client: SseClient, before: number) => {
      if (before < this.#size && client.size >= this.#size && --this.#behind === 0) this.#done()
    }
    // a timer may be a little early: its event then comes before it is due
    const onDelay = (ms: number) => { delays[Math.max(0, Math.min(delays.length - 1, Math.round(ms * 10)))]!++ }
    for (let connected = 0; connected < count; connected += atOnce) {
      const some = Array.from({ length: Math.min(atOnce, count - connected) }, () => new SseClient({
        port, path, expected: this.expected, onEvents, ...(measured && { onDelay })
      }))
      this.clients.push(...some)
      await Promise.all(some.map(({ attached }) => attached))
    }
  }

  /** Resolves when all clients were told the log up to that size; the heads are those that one of them was told. */
  async told (size: number): Promise<{ heads: number[] }> {
    this.#size = size
    this.#behind = this.clients.filter((client) => client.size < size).length
    if (this.#behind > 0) await within(new Promise<void>((resolve) => { this.#done = resolve }), () => `${this.#behind} clients were not told up to ${size}`)
    // some may have a ping already that others do not have yet
    this.expected.forget(Math.min(...this.clients.map(({ offset }) => offset)))
    return { heads: this.expected.heads }
  }
}

answer({}, {
  connect: async (connecting: Connecting) => {
    const group = new Group()
    groups.set(connecting.name, group)
    await group.connect(connecting)
  },
  told: async ({ name, size }: { name: string, size: number }) => await groups.get(name)!.told(size),
  closed: async (name: string) => { await Promise.all(groups.get(name)!.clients.map(({ closed }) => closed)) },
  pause: (name: string) => { for (const client of groups.get(name)!.clients) client.pause() },
  resume: (name: string) => { for (const client of groups.get(name)!.clients) client.resume() },
  disconnect: (name: string) => { for (const client of groups.get(name)!.clients) client.destroy() },
  /** Since the last time it was asked. */
  delays: () => {
    const result = { count: delays.reduce((sum, count) => sum + count, 0), p50: quantile(0.5), p99: quantile(0.99) } satisfies Delays
    delays.fill(0)
    return result
  }
})

function quantile (part: number): number {
  const count = delays.reduce((sum, each) => sum + each, 0)
  let seen = 0
  return delays.findIndex((each) => (seen += each) >= count * part) / 10
}
