import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { answer } from './child.ts'
import { now, within } from './lab.ts'

export interface Following {
  /** URL of the event stream. */
  readonly stream: string
  /** URL of `GET /:id/log` of the task. */
  readonly log: string
}

export interface Followed {
  readonly hash: string
  /** Time at which the last byte arrived. */
  readonly at: number
  /** Number of requests for gaps, and the bytes that they fetched. */
  readonly fetches: number
  readonly fetched: number
}

/** A client of one log that follows the rules of the feed: it skips known bytes and fetches gaps. */
const hash = createHash('sha256')
let have = 0
let fetches = 0
let fetched = 0
let at = 0
let wanted = Infinity
let done: () => void = () => {}
const others = new Set<string>()
let received: () => void = () => {}

answer({}, {
  /** @returns the HTTP status; with 200, the client follows the log */
  follow: async ({ stream, log }: Following) => {
    const [response] = await once(get(stream, { headers: { accept: 'text/event-stream' } }), 'response') as [IncomingMessage]
    if (response.statusCode === 200) read(response, log).catch((error) => { throw error })
    else response.destroy()
    return response.statusCode
  },
  until: async (size: number): Promise<Followed> => {
    wanted = size
    if (have < size) await within(new Promise<void>((resolve) => { done = resolve }), () => `The client has ${have} of ${size} bytes`)
    if (have !== size) throw new Error(`The client has ${have} of ${size} bytes`)
    return { hash: hash.copy().digest('hex'), at, fetches, fetched }
  },
  /** Resolves when an event of that type, other than a log event, has arrived. */
  received: async (event: string) => {
    while (!others.has(event)) await new Promise<void>((resolve) => { received = resolve })
  }
})

/** Stops reading while it fetches a gap, as a slow client does. */
async function read (response: IncomingMessage, log: string): Promise<void> {
  const messages: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (message) => { messages.push(message) } })
  for await (const text of response.setEncoding('utf8')) {
    parser.feed(text as string)
    for (const { event, data } of messages.splice(0)) {
      if (event === undefined || event === 'task.log') await take(JSON.parse(data), log)
      else others.add(event)
      received()
    }
  }
}

async function take ({ offset, end, chunk, truncated, lossy }: { offset: number, end: number, chunk: string, truncated?: true, lossy?: true }, log: string): Promise<void> {
  if (truncated) throw new Error('The server reported a truncated log, but the log only grew')
  if (end <= have) return
  const bytes = Buffer.from(chunk)
  if (offset > have || lossy || bytes.length !== end - offset) return await fetchGap(log)
  add(bytes.subarray(have - offset))
}

async function fetchGap (log: string): Promise<void> {
  const before = have
  const response = await fetch(`${log}?position=${have}`)
  for await (const bytes of response.body!) add(bytes)
  fetches++
  fetched += have - before
}

function add (bytes: Uint8Array): void {
  hash.update(bytes)
  have += bytes.length
  at = now()
  if (have >= wanted) done()
}
