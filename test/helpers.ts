import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { tasksPlugin, type TasksPluginOptions } from '../lib/index.ts'

interface Teardown { teardown (work: () => unknown): void }

/** A directory that is gone after the test. */
export async function temporaryDirectory (t: Teardown): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export interface Running {
  readonly app: FastifyInstance
  /** Where the tasks' routes are. */
  readonly url: string
}

/** A host with the plugin, listening. */
export async function startServer (t: Teardown, options: TasksPluginOptions, server: FastifyServerOptions = {}): Promise<Running> {
  const app = Fastify(server)
  t.teardown(() => app.close())
  await app.register(tasksPlugin, options)
  return { app, url: `${await app.listen({ port: 0, host: '127.0.0.1' })}/api/tasks` }
}

export function taskText (id: string, fields: Record<string, unknown> = {}): string {
  return JSON.stringify({ id, command: 'true', status: 'queued', createdAt: new Date().toISOString(), ...fields }, null, 2)
}

/** Enqueues as any program does: a temporary name, then `rename`. */
export async function putTask (dir: string, id: string, fields: Record<string, unknown> = {}): Promise<void> {
  const temporary = join(dir, `.${id}.${Math.random().toString(36).slice(2)}`)
  await writeFile(temporary, taskText(id, fields))
  await rename(temporary, join(dir, `${id}.json`))
}

export async function post (url: string, body: unknown): Promise<Response> {
  return await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

export interface FeedMessage {
  readonly id: string | undefined
  readonly event: string
  readonly data: any
}

/** Reads a stream of Server-Sent Events by the standard's rules, over a socket of its own. */
export class EventStream {
  readonly messages: FeedMessage[] = []
  /** What a browser would send as `Last-Event-ID`. */
  lastEventId = ''
  pings = 0
  response!: IncomingMessage
  readonly #onMessage: (message: FeedMessage) => void
  #buffer = ''
  #waiters = new Set<() => void>()
  readonly #request

  constructor (url: string, { headers = {}, localAddress, onMessage = () => {} }: { headers?: Record<string, string>, localAddress?: string, onMessage?: (message: FeedMessage) => void } = {}) {
    this.#onMessage = onMessage
    this.#request = request(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false, localAddress })
    this.#request.on('error', () => {})
    this.#request.end()
  }

  /** Resolves with the response's head. */
  async open (): Promise<this> {
    [this.response] = await once(this.#request, 'response') as [IncomingMessage]
    this.response.setEncoding('utf8')
    this.response.on('data', (text: string) => this.#read(text))
    this.response.on('error', () => {})
    this.response.on('close', () => this.#wake())
    return this
  }

  /** Stops or goes on reading: a slow client. */
  pause (): void { this.response.pause() }
  resume (): void { this.response.resume() }

  get closed (): boolean { return this.response.destroyed }

  close (): void { this.#request.destroy() }

  /** The first message, past or to come, that fits. */
  async find (fits: (message: FeedMessage) => boolean, from = 0): Promise<FeedMessage> {
    let index = from
    for (;;) {
      for (; index < this.messages.length; index++) if (fits(this.messages[index]!)) return this.messages[index]!
      if (this.closed) throw new Error('the stream ended before the message came')
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  async until (holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closed) throw new Error('the stream ended before it held')
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  #wake (): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }

  #read (text: string): void {
    this.#buffer += text
    const blocks = this.#buffer.split('\n\n')
    this.#buffer = blocks.pop()!
    for (const block of blocks) this.#dispatch(block)
    this.#wake()
  }

  #dispatch (block: string): void {
    let [event, data, id]: [string, string[], string | undefined] = ['message', [], undefined]
    for (const line of block.split('\n')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
      if (line === ': ping') this.pings++
      else if (field === 'event') event = value
      else if (field === 'data') data.push(value)
      else if (field === 'id') id = value
    }
    if (id !== undefined) this.lastEventId = id
    if (data.length === 0) return
    const message = { id, event, data: JSON.parse(data.join('\n')) }
    this.messages.push(message)
    this.#onMessage(message)
  }
}

export async function openFeed (url: string, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
  return await new EventStream(`${url}/events${query}`, { headers }).open()
}

export async function waitFor (holds: () => boolean | Promise<boolean>, { timeout = 60_000, every = 20 } = {}): Promise<void> {
  const deadline = performance.now() + timeout
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error('it did not come true in time')
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}
