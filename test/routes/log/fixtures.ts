import { EventEmitter, once } from 'node:events'
import { readdir, readlink, writeFile } from 'node:fs/promises'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { TasksPluginOptions } from '../../../lib/index.ts'
import { EventStream, putTask, startServer, temporaryDirectory, waitFor, type FeedMessage, type Running, type Teardown } from '../../helpers.ts'
import { WAIT_MS } from '../../wait-for.ts'

export const ID = 'task_1_a'
export const KIB = 1024
export const MIB = 1024 * KIB

export interface TaskServer extends Running {
  readonly dir: string
  /** Path of the log file. */
  readonly path: string
  /** URL of the task. */
  readonly task: string
}

type TaskServerOptions = Partial<TasksPluginOptions> & { readonly status?: string }

/** Starts a server with one task (by default running), which may have a log. */
export async function startTaskServer (t: Teardown, log?: string | Buffer, { status = 'running', ...options }: TaskServerOptions = {}): Promise<TaskServer> {
  const dir = await temporaryDirectory(t)
  const path = join(dir, `${ID}.log`)
  if (log !== undefined) await writeFile(path, log)
  await putTask(dir, ID, { status })
  const { app, url } = await startServer(t, { ...options, dir } as TasksPluginOptions)
  return { app, url, dir, path, task: `${url}/${ID}` }
}

/** Number of files of the directory that this process has open. */
export async function openFiles (dir: string): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(`${dir}/`)).length
}

/** Waits until this process has no file of the directory open. */
export async function untilNoOpenFiles (dir: string): Promise<void> {
  await waitFor(async () => await openFiles(dir) === 0, { describe: () => openFiles(dir) })
}

/** Lets other operations of the event loop run. */
export async function turns (count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

export interface DownloadOptions {
  readonly headers?: Record<string, string>
  /** The address that the connection comes from. */
  readonly localAddress?: string
  /** Collect the bytes, and not only their number. Default: true */
  readonly keep?: boolean
}

/** How a response ended: all of it arrived, or the connection was closed before. */
type Ending = 'complete' | 'cut'

/** A client that reads the bytes of a response as they arrive. */
export class Download {
  response!: IncomingMessage
  bytes = Buffer.alloc(0)
  size = 0
  readonly end: Promise<Ending>
  readonly #request: ClientRequest
  readonly #keep: boolean
  readonly #changes = new EventEmitter()
  #resolveEnd!: (ending: Ending) => void

  constructor (url: string, { headers = {}, localAddress, keep = true }: DownloadOptions = {}) {
    this.#keep = keep
    this.end = new Promise((resolve) => { this.#resolveEnd = resolve })
    this.#request = request(url, { headers, agent: false, ...(localAddress !== undefined && { localAddress }) })
    this.#request.on('error', () => this.#resolveEnd('cut'))
    this.#request.end()
  }

  /** Resolves when the headers have arrived. */
  async open ({ read = true } = {}): Promise<this> {
    [this.response] = await once(this.#request, 'response') as [IncomingMessage]
    this.response.on('error', () => {})
    this.response.on('close', () => {
      this.#resolveEnd(this.response.complete ? 'complete' : 'cut')
      this.#changes.emit('change')
    })
    if (read) this.read()
    return this
  }

  read (): void {
    this.response.on('data', (bytes: Buffer) => {
      this.size += bytes.length
      if (this.#keep) this.bytes = Buffer.concat([this.bytes, bytes])
      this.#changes.emit('change')
    })
  }

  /** Resolves when the text received so far fits. */
  async until (fits: (text: string) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_MS)
    while (!fits(String(this.bytes))) {
      if (this.response.destroyed || signal.aborted) {
        throw new Error(`The response ${signal.aborted ? 'had no' : 'closed before a'} text with ${fits}. It received ${this.size} bytes: ${String(this.bytes.subarray(-500))}`)
      }
      await once(this.#changes, 'change', { signal }).catch(() => {})
    }
  }

  close (): void { this.#request.destroy() }
}

/** Requests a URL; the connection is closed after the test. */
export async function download (t: Teardown, url: string, options: DownloadOptions & { readonly read?: boolean } = {}): Promise<Download> {
  const client = new Download(url, options)
  t.teardown(() => client.close())
  return await client.open(options)
}

/** Opens the event stream of a task's log; it is closed after the test. */
export async function openLogEvents (t: Teardown, task: string, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
  const stream = new EventStream(`${task}/log/events${query}`, { headers })
  t.teardown(() => stream.close())
  return await stream.open()
}

/** The log that a client has which follows the rules: it appends each chunk, and starts over after a truncation. */
export function textOf ({ messages }: EventStream): string {
  let text = ''
  for (const { event, data } of messages) {
    if (event !== 'message') continue
    if (data.truncated === true) text = ''
    if (Buffer.byteLength(text) !== data.offset) throw new Error(`A chunk at offset ${data.offset} follows ${Buffer.byteLength(text)} bytes.`)
    text += data.chunk
  }
  return text
}

/** The stream's event `end`. */
export async function endOf (stream: EventStream): Promise<FeedMessage> {
  return await stream.find(({ event }) => event === 'end')
}
