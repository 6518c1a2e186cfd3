import { endable } from '../endable.ts'
import type { Health, SearchResult } from '../routes/schemas.ts'
import { createTaskId, type TaskStatus } from '../task.ts'
import type { NewTask, Task } from '../task-schema.ts'
import { errorOf } from './errors.ts'
import { followLog, type FollowOptions, type LogEnd } from './follow-log.ts'
import { Http, queryOf, type HttpOptions } from './http.ts'
import { LiveTasks, type LiveTasksOptions } from './live-tasks.ts'
import type { LogPiece } from './log-reader.ts'

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface ListOptions extends CallOptions {
  /** Only these states. Default: all. */
  readonly status?: readonly TaskStatus[]
  /** At most this many. Default: all. */
  readonly limit?: number
  /** Only tasks that come after this id, newest first: the `next` of the page before. */
  readonly before?: string
}

export interface TaskPage {
  readonly tasks: readonly Task[]
  /** Absent on the last page. */
  readonly next?: string
}

export interface LogOptions extends CallOptions {
  /**
   * Byte offset to begin at.
   * @default 0
   */
  readonly position?: number
  /** Instead of a position: the last lines. */
  readonly tail?: number
}

export interface LogStream {
  /** Byte offset of the first byte. */
  readonly position: number
  /** Number of bytes that follow. */
  readonly length: number
  /** Cancel it where it is not read to its end. */
  readonly body: ReadableStream<Uint8Array>
}

export interface SearchOptions extends CallOptions {
  /** Only lines that begin before this byte offset: the `next` of the search before. */
  readonly before?: number
  /**
   * From 1 to 1000.
   * @default 100
   */
  readonly limit?: number
}

/**
 * The tasks API of a server, for browsers and Node.js. Every method throws a `TasksError` where the server refuses, and
 * what `fetch` throws where it can't be reached; what may be repeated is tried five times.
 */
export class TasksClient {
  readonly #http: Http

  /** @param url where the routes are, such as `/api/tasks` in a browser */
  constructor (url: string | URL, options: HttpOptions = {}) {
    this.#http = new Http(String(url), options)
  }

  /** The tasks, newest first. */
  async list ({ status, limit, before, signal }: ListOptions = {}): Promise<TaskPage> {
    const response = await this.#http.request(queryOf({ status, limit, before }), { signal, repeatable: true })
    const next = /[?&]before=([^&>]+)[^>]*>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
    return { tasks: await response.json() as Task[], ...(next !== undefined && { next }) }
  }

  /** Undefined: there is no such task. */
  async get (id: string, { signal }: CallOptions = {}): Promise<Task | undefined> {
    const response = await this.#http.request(pathOf(id), { signal, repeatable: true, accept: [404] })
    if (response.ok) return await response.json() as Task
    await response.body?.cancel()
    return undefined
  }

  /** Tried again with the same id where no answer came: that never creates two. */
  async create (task: NewTask, { signal }: CallOptions = {}): Promise<{ task: Task, created: boolean }> {
    const body = { id: createTaskId(), ...task }
    const response = await this.#http.request('', { method: 'POST', body, signal, repeatable: true })
    // an id of our own that exists was created by an attempt whose answer was lost
    return { task: await response.json() as Task, created: response.status === 201 || task.id === undefined }
  }

  /** `cancelled`: at once, it had not begun. `requested`: whoever runs it ends it. */
  async cancel (id: string, { signal }: CallOptions = {}): Promise<{ outcome: 'cancelled', task: Task } | { outcome: 'requested' }> {
    const response = await this.#http.request(`${pathOf(id)}/cancel`, { method: 'POST', signal })
    const answer = await response.json()
    return response.status === 202 ? { outcome: 'requested' } : { outcome: 'cancelled', task: answer as Task }
  }

  /** @param options.force also while it is queued or runs */
  async remove (id: string, { force, signal }: CallOptions & { readonly force?: boolean } = {}): Promise<void> {
    const response = await this.#http.request(`${pathOf(id)}${queryOf({ force })}`, { method: 'DELETE', signal })
    await response.body?.cancel()
  }

  /** The log as it is now. Undefined: there is none yet. */
  async log (id: string, { position, tail, signal }: LogOptions = {}): Promise<LogStream | undefined> {
    const response = await this.#http.request(`${pathOf(id)}/log${queryOf({ position, tail })}`, { signal, repeatable: true, accept: [404] })
    if (response.status === 404) {
      // of a task that exists, an empty text
      if (response.headers.get('content-type')?.includes('json') === true) throw await errorOf(response)
      return undefined
    }
    const { headers, body } = response
    return { position: Number(headers.get('log-position') ?? position ?? 0), length: Number(headers.get('content-length')), body: body! }
  }

  /** A log's bytes as they come, until its task has ended: across broken connections and restarts of the server. */
  followLog (id: string, { signal, ...options }: FollowOptions = {}): AsyncGenerator<LogPiece, LogEnd, undefined> {
    return endable((end) => followLog(this.#http, id, { ...options, signal: end }), signal)
  }

  /** Lines of a log that contain a text, whatever its case, last one first. */
  async search (id: string, text: string, { before, limit, signal }: SearchOptions = {}): Promise<SearchResult> {
    const response = await this.#http.request(`${pathOf(id)}/log/search${queryOf({ q: text, before, limit })}`, { signal, repeatable: true })
    return await response.json() as SearchResult
  }

  async health ({ signal }: CallOptions = {}): Promise<Health> {
    return await (await this.#http.request('/_meta/health', { signal, repeatable: true })).json() as Health
  }

  /** All tasks, and the logs that are asked for, kept right from now on. */
  tasks (options: LiveTasksOptions = {}): LiveTasks {
    return new LiveTasks(this.#http, options)
  }
}

function pathOf (id: string): string {
  return `/${encodeURIComponent(id)}`
}
