import { abortable } from '../util/abortable-generator.ts'
import type { FollowOptions } from '../shared/follow-options.ts'
import type { Health, SearchResult } from '../shared/api-schemas.ts'
import { createTaskId, type TaskStatus } from '../shared/task.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'
import type { TaskTypes } from '../shared/task-types.ts'
import { isNotFound } from './errors.ts'
import { followLog, type LogEnd } from './follow-log.ts'
import { Http, pathOf, queryOf, type TasksClientOptions } from './http.ts'
import { LiveTasks, type LiveTasksOptions } from './live-tasks.ts'
import type { LogPiece } from './log-reader.ts'
import { readLog, type LogPart, type ReadLogOptions } from './read-log.ts'

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

export interface SearchLogOptions extends CallOptions {
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
  constructor (url: string | URL, options: TasksClientOptions = {}) {
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
  async delete (id: string, { force, signal }: CallOptions & { readonly force?: boolean | undefined } = {}): Promise<void> {
    await this.#http.json(`${pathOf(id)}${queryOf({ force })}`, { method: 'DELETE', signal })
  }

  /** A part of a log as it is now; the default is the whole log. Undefined if the task has no log yet. */
  async readLog (id: string, options: ReadLogOptions = {}): Promise<LogPart | undefined> {
    return await readLog(this.#http, id, options)
  }

  /** The size of a log in bytes. Undefined if the task has no log yet. */
  async logSize (id: string, { signal }: CallOptions = {}): Promise<number | undefined> {
    const log = await this.readLog(id, { start: 0, end: 0, signal })
    return log?.size
  }

  /** A log's bytes as they come, until its task has ended: across broken connections and restarts of the server. */
  followLog (id: string, { signal, ...options }: FollowOptions = {}): AsyncGenerator<LogPiece, LogEnd, undefined> {
    return abortable((end) => followLog(this.#http, id, { ...options, signal: end }), signal)
  }

  /** Lines of a log that contain a text, whatever its case, last one first. */
  async searchLog (id: string, text: string, { before, limit, signal }: SearchLogOptions = {}): Promise<SearchResult> {
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
  watch (options: LiveTasksOptions = {}): LiveTasks {
    return new LiveTasks(this.#http, options)
  }
}
