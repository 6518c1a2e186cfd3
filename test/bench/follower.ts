import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { answer } from './child.ts'
import { now, within } from './lab.ts'

export interface Following {
  /** The event stream. */
  readonly stream: string
  /** `GET /:id/log` of the task. */
  readonly log: string
}

export interface Followed {
  readonly hash: string
  /** When it had the last byte. */
  readonly at: number
  /** How often, and how much of it, it had to fetch. */
  readonly fetches: number
  readonly fetched: number
}

/** A client of one log that follows the README's rules: drops what it has, and fetches gaps. */
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
  /** @returns the status; from 200 on it follows */
  follow: async ({ stream, log }: Following) => {
    const [response] = await once(get(stream, { headers: { accept: 'text/event-stream' } }), 'response') as [IncomingMessage]
    if (response.statusCode === 200) read(response, log).catch((error) => { throw error })
    else response.destroy()
    return response.statusCode
  },
  until: async (size: number): Promise<Followed> => {
    wanted = size
    if (have < size) await within(new Promise<void>((resolve) => { done = resolve }), () => `it has ${have} bytes of ${size}`)
    if (have !== size) throw new Error(`it has ${have} bytes of ${size}`)
    return { hash: hash.copy().digest('hex'), at, fetches, fetched }
  },
  /** Resolves when another event than the log's has come. */
  received: async (event: string) => {
    while (!others.has(event)) await new Promise<void>((resolve) => { received = resolve })
  }
})

/** Reads no further while it fetches, as far as TCP goes: a slow client, now and then. */
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
  if (truncated) throw new Error('it never shrank')
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
