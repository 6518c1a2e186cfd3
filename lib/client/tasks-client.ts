import { abortable } from '../util/abortable-generator.ts'
import type { Health, SearchResult } from '../shared/api-schemas.ts'
import { createTaskId, type TaskStatus } from '../shared/task.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'
import type { TaskTypes } from '../shared/task-types.ts'
import { errorOf, isNotFound } from './errors.ts'
import { followLog, type FollowOptions, type LogEnd } from './follow-log.ts'
import { Http, pathOf, queryOf, type HttpOptions } from './http.ts'
import { LiveTasks, type LiveTasksOptions } from './live-tasks.ts'
import { isEmptyText, type LogPiece } from './log-reader.ts'

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ListOptions extends CallOptions {
  /** Only these states. Default: all. */
  readonly status?: readonly TaskStatus[] | undefined
  /** At most this many. Default: all. */
  readonly limit?: number | undefined
  /** Only tasks that come after this id, newest first: the `next` of the page before. */
  readonly before?: string | undefined
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
  readonly position?: number | undefined
  /**
   * At most this many bytes, at least one.
   * @default all there are
   */
  readonly length?: number | undefined
  /** Instead of a position: the last lines. */
  readonly tail?: number | undefined
}

export interface LogStream {
  /** Byte offset of the first byte. */
  readonly position: number
  /** Number of bytes that follow; undefined where something on the way compresses them. */
  readonly length: number | undefined
  /** Number of bytes that the whole log has now; undefined as above. */
  readonly size: number | undefined
  /** Cancel it where it is not read to its end. */
  readonly body: ReadableStream<Uint8Array>
}

export interface SearchOptions extends CallOptions {
  /** Only lines that begin before this byte offset: the `next` of the search before. */
  readonly before?: number | undefined
  /**
   * From 1 to 1000.
   * @default 100
   */
  readonly limit?: number | undefined
}

/**
 * The tasks API of a server, for browsers and Node.js. Every method throws a `TasksError` where the server refuses, and
 * a `ConnectionError` where it can't be reached; what may be repeated is tried five times.
 */
export class TasksClient {
  readonly #http: Http

  /** @param url where the routes are, such as `/api/tasks` in a browser */
  constructor (url: string | URL, options: HttpOptions = {}) {
    this.#http = new Http(String(url), options)
  }

  /** The tasks, newest first. */
  async list ({ status, limit, before, signal }: ListOptions = {}): Promise<TaskPage> {
    // an empty array would disappear from the query and select all statuses
    if (status?.length === 0) return { tasks: [] }
    const { value, headers } = await this.#http.json<Task[]>(queryOf({ status, limit, before }), { signal, repeatable: true })
    const next = /[?&]before=([^&>]+)[^>]*>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
    return { tasks: value, ...(next !== undefined && { next }) }
  }

  /** Undefined: there is no such task. */
  async get (id: string, { signal }: CallOptions = {}): Promise<Task | undefined> {
    try {
      return (await this.#http.json<Task>(pathOf(id), { signal, repeatable: true })).value
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /** Tried again with the same id where no answer came: that never creates two. */
  async create (task: NewTask, { signal }: CallOptions = {}): Promise<{ task: Task, created: boolean }> {
    const body = { ...task, id: task.id ?? createTaskId() }
    const { value, status } = await this.#http.json<Task>('', { method: 'POST', body, signal, repeatable: true })
    // an id of our own that exists was created by an attempt whose answer was lost
    return { task: value, created: status === 201 || task.id === undefined }
  }

  /** `cancelled`: at once, it had not begun. `requested`: whoever runs it ends it. */
  async cancel (id: string, { signal }: CallOptions = {}): Promise<{ outcome: 'cancelled', task: Task } | { outcome: 'requested' }> {
    const { value, status } = await this.#http.json<Task>(`${pathOf(id)}/cancel`, { method: 'POST', signal })
    return status === 202 ? { outcome: 'requested' } : { outcome: 'cancelled', task: value }
  }

  /** @param options.force also while it is queued or runs */
  async remove (id: string, { force, signal }: CallOptions & { readonly force?: boolean | undefined } = {}): Promise<void> {
    await this.#http.json(`${pathOf(id)}${queryOf({ force })}`, { method: 'DELETE', signal })
  }

  /** The log as it is now, or a part of it. Undefined: there is none yet. */
  async log (id: string, { position, length, tail, signal }: LogOptions = {}): Promise<LogStream | undefined> {
    if (length !== undefined) return await this.#range(id, position ?? 0, length, signal)
    const response = await this.#http.open(`${pathOf(id)}/log${queryOf({ position, tail })}`, { signal, accept: [404] })
    if (response.status === 404) return await noLog(response)
    const { headers, body } = response
    const [start, count] = [headers.get('log-position'), headers.get('content-length')]
    if (start === null && tail !== undefined) throw new Error('The log has no Log-Position header. A server that other origins may use has to expose it (CORS).')
    const from = Number(start ?? position ?? 0)
    return { position: from, ...count === null ? { length: undefined, size: undefined } : { length: Number(count), size: from + Number(count) }, body: body! }
  }

  async #range (id: string, position: number, length: number, signal: AbortSignal | undefined): Promise<LogStream | undefined> {
    const response = await this.#http.open(`${pathOf(id)}/log`, { headers: { range: `bytes=${position}-${position + length - 1}` }, signal, accept: [404, 416] })
    if (response.status === 404) return await noLog(response)
    const range = response.headers.get('content-range')
    if (range === null) throw new Error('The log has no Content-Range header. A server that other origins may use has to expose it (CORS).')
    const size = Number(range.split('/')[1])
    if (response.status === 416) await response.body?.cancel()
    return response.status === 416
      ? { position, length: 0, size, body: new Blob([]).stream() }
      : { position, length: Math.min(length, size - position), size, body: response.body! }
  }

  /** How many bytes a log has now. Undefined: there is none yet. */
  async logSize (id: string, { signal }: CallOptions = {}): Promise<number | undefined> {
    const log = await this.log(id, { position: 0, length: 1, signal })
    await log?.body.cancel()
    return log?.size
  }

  /** A log's bytes as they come, until its task has ended: across broken connections and restarts of the server. */
  followLog (id: string, { signal, ...options }: FollowOptions = {}): AsyncGenerator<LogPiece, LogEnd, undefined> {
    return abortable((end) => followLog(this.#http, id, { ...options, signal: end }), signal)
  }

  /** Lines of a log that contain a text, whatever its case, last one first. */
  async search (id: string, text: string, { before, limit, signal }: SearchOptions = {}): Promise<SearchResult> {
    const path = `${pathOf(id)}/log/search${queryOf({ q: text, before, limit })}`
    return (await this.#http.json<SearchResult>(path, { signal, repeatable: true })).value
  }

  async health ({ signal }: CallOptions = {}): Promise<Health> {
    return (await this.#http.json<Health>('/_meta/health', { signal, repeatable: true })).value
  }

  /** The types of tasks that the processor published, for forms. */
  async types ({ signal }: CallOptions = {}): Promise<TaskTypes> {
    return (await this.#http.json<TaskTypes>('/_meta/types', { signal, repeatable: true })).value
  }

  /** All tasks, and the logs that are asked for, kept right from now on. */
  tasks (options: LiveTasksOptions = {}): LiveTasks {
    return new LiveTasks(this.#http, options)
  }
}

/** @throws what the server says, where it is the task that is missing */
async function noLog (response: Response): Promise<undefined> {
  if (!isEmptyText(response)) throw await errorOf(response)
  await response.body?.cancel()
}
