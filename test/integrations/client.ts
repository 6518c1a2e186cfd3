import { EventEmitter, once } from 'node:events'
import { appendFile } from 'node:fs/promises'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { constants, type ClientHttp2Session } from 'node:http2'
import { join } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import type { Test } from 'tap'
import { putTask } from '../helpers.ts'

/** Time in which bytes that are not buffered arrive, on a busy machine. */
const ARRIVAL_MS = 10_000

/** A response as it arrives, over HTTP/1 or HTTP/2, decompressed. */
export class Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  text = ''
  /** `cut`: the connection was closed before the end. Undefined: it is open. */
  ended: 'end' | 'cut' | undefined
  readonly leave: () => void
  readonly #changes = new EventEmitter()

  constructor (status: number, headers: IncomingHttpHeaders, source: Readable, leave: () => void) {
    this.status = status
    this.headers = headers
    this.leave = leave
    let failed = false
    source.on('error', () => { failed = true })
    const stream = decoded(source, headers['content-encoding'])
    stream.setEncoding('utf8')
    stream.on('error', () => { failed = true })
    stream.on('data', (text: string) => {
      this.text += text
      this.#changes.emit('change')
    })
    stream.on('close', () => {
      this.ended = stream.readableEnded && !failed ? 'end' : 'cut'
      this.#changes.emit('change')
    })
  }

  /** The data of its Server-Sent Events, parsed. */
  get data (): any[] {
    return [...this.text.matchAll(/^data: (.*)\n/gm)].map(([, json]) => JSON.parse(json!))
  }

  json (): any {
    return JSON.parse(this.text)
  }

  /** Resolves when the text has arrived; rejects if it is delayed. */
  async until (text: string): Promise<this> {
    return await this.#await(() => this.text.includes(text), JSON.stringify(text))
  }

  async end (): Promise<this> {
    return await this.#await(() => this.ended !== undefined, 'the end of the response')
  }

  async #await (holds: () => boolean, wanted: string): Promise<this> {
    const signal = AbortSignal.timeout(ARRIVAL_MS)
    while (!holds()) {
      if (signal.aborted || this.ended !== undefined) throw new Error(`Expected ${wanted}. The response is ${this.ended ?? 'open'}: ${JSON.stringify(this.text)}`)
      await once(this.#changes, 'change', { signal }).catch(() => {})
    }
    return this
  }
}

function decoded (source: Readable, encoding: string | undefined): Readable {
  if (encoding === undefined) return source
  return pipeline(source, encoding === 'br' ? createBrotliDecompress() : createGunzip(), () => {})
}

export type Get = (path: string, headers?: Record<string, string>) => Promise<Answer>

/** Each request uses a new connection. */
export function getFrom (t: Test, url: string, always: Record<string, string> = {}): Get {
  return async (path, headers = {}) => {
    const sent = request(`${url}${path}`, { agent: false, headers: { ...always, ...headers } })
    t.teardown(() => sent.destroy())
    sent.on('error', () => {})
    const response = once(sent, 'response', { signal: AbortSignal.timeout(ARRIVAL_MS) })
    sent.end()
    const [message] = await response as [IncomingMessage]
    return new Answer(message.statusCode!, message.headers, message, () => sent.destroy())
  }
}

/** All requests use one HTTP/2 session. */
export function getOver (session: ClientHttp2Session, prefix: string): Get {
  return async (path, headers = {}) => {
    const stream = session.request({ ':path': `${prefix}${path}`, ...headers })
    stream.on('error', () => {})
    const [head] = await once(stream, 'response', { signal: AbortSignal.timeout(ARRIVAL_MS) }) as [IncomingHttpHeaders & { ':status': number }]
    return new Answer(head[':status'], head, stream, () => stream.close(constants.NGHTTP2_CANCEL))
  }
}

export interface Streams {
  /** It is still open. */
  readonly feed: Answer
  /** These ended with their task. */
  readonly events: Answer
  readonly follow: Answer
  readonly log: Answer
  readonly range: Answer
  readonly list: Answer
}

/** Checks that streams arrive immediately and completely, and that those of logs end with their task. */
export async function checkStreams (t: Test, get: Get, dir: string, id = 'task_1_a'): Promise<Streams> {
  const log = join(dir, `${id}.log`)
  const feed = await (await get('/events')).until('event: ready\n')
  await putTask(dir, id, { status: 'running' })
  await feed.until(id)
  t.match([feed.status, feed.headers['content-type']], [200, 'text/event-stream'])
  const events = await get(`/${id}/log/events`)
  const follow = await get(`/${id}/log?follow=true`)
  t.match([events.status, events.headers['content-type']], [200, 'text/event-stream'])
  t.match([follow.status, follow.headers['content-type']], [200, 'text/plain; charset=utf-8'])

  const live = 'one live line: é\n'
  await appendFile(log, live)
  await Promise.all([feed.until('one live line'), events.until('one live line'), follow.until('one live line')])
  t.match(feed.data.at(-1), { id, offset: 0, end: 18, chunk: live }, 'the feed sends the chunk')
  t.match(events.text, /^id: 18\ndata: /m)
  t.strictSame(events.data, [{ offset: 0, end: 18, chunk: live }])
  t.equal(follow.text, live)
  t.strictSame([feed.ended, events.ended, follow.ended], [undefined, undefined, undefined], 'every stream is open until the task finishes')

  const range = await (await get(`/${id}/log`, { range: 'bytes=4-7' })).end()
  t.match([range.status, range.headers['content-range'], range.headers['content-encoding'], range.text], [206, 'bytes 4-7/18', undefined, 'live'])
  const whole = await (await get(`/${id}/log`)).end()
  t.match([whole.status, whole.text], [200, live])
  const list = await (await get('')).end()
  t.match([list.status, list.json()], [200, [{ id, status: 'running' }]])

  await appendFile(log, 'the last one\n')
  await putTask(dir, id, { status: 'completed' })
  await Promise.all([events.end(), follow.end(), feed.until('"completed"')])
  t.strictSame([events.ended, follow.ended, feed.ended], ['end', 'end', undefined], 'streams of a log end with its task')
  t.match(events.text, /\nid: 31-end\nevent: end\ndata: \{"status":"completed"\}\n\n$/)
  t.equal(follow.text, `${live}the last one\n`)
  return { feed, events, follow, log: whole, range, list }
}

/** Checks that `close` resolves promptly while streams are open, and that clients can distinguish it from the end of a task. */
export async function checkClose (t: Test, get: Get, dir: string, close: () => Promise<unknown>): Promise<void> {
  const feed = await (await get('/events')).until('event: ready\n')
  await putTask(dir, 'task_2_b', { status: 'running' })
  await feed.until('task_2_b')
  await appendFile(join(dir, 'task_2_b.log'), 'line\n')
  const events = await (await get('/task_2_b/log/events')).until('line')
  const follow = await (await get('/task_2_b/log?follow=true')).until('line')
  const started = performance.now()
  await close()
  t.ok(performance.now() - started < 1000, 'close does not wait for the deadline of the streams')
  await Promise.all([feed.end(), events.end(), follow.end()])
  t.strictSame([feed.ended, follow.ended], ['end', 'cut'])
  t.notMatch(events.text, 'event: end')
}
