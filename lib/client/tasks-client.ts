import type { Health, SearchResult } from '../shared/api-schemas.ts'
import type { FollowOptions } from '../shared/follow-options.ts'
import { createTaskId } from '../shared/task-id.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'
import type { TaskTypes } from '../shared/task-types.ts'
import { abortable } from '../util/abortable-generator.ts'
import type { CallOptions, CancelResult, CreateResult, DeleteOptions, ListOptions, SearchLogOptions, TaskPage } from './call-options.ts'
import { isNotFound } from './errors.ts'
import { Http } from './http/http.ts'
import type { TasksClientOptions } from './http/options.ts'
import { nextPage, queryString, taskPath } from './http/url.ts'
import { LiveTasks, type LiveTasksOptions } from './live/live-tasks.ts'
import { LogFollower, type LogEnd } from './log/log-follower.ts'
import type { LogPiece } from './log/log-reader.ts'
import { readLog, type LogPart, type ReadLogOptions } from './log/read-log.ts'

/**
 * A client of the tasks API, for browsers and Node.js.
 *
 * Every method rejects with a `TasksError` if the server returns an error, and with a `ConnectionError` if it cannot be
 * reached. `list`, `get`, `create`, `searchLog`, `health` and `types` make up to five attempts after transient errors;
 * `followLog` and `watch` reconnect until they succeed.
 */
export class TasksClient {
  readonly #http: Http

  /**
   * @param url where the server has the routes of the plugin, such as `/api/tasks` in a browser
   * @throws TypeError if the URL is relative and there is no page that it could be relative to
   */
  constructor (url: string | URL, options: TasksClientOptions = {}) {
    this.#http = new Http(String(url), options)
  }

  /** Lists the tasks, newest first. */
  async list ({ status, limit, before, signal }: ListOptions = {}): Promise<TaskPage> {
    // an empty array would disappear from the query and select all statuses
    if (status?.length === 0) return { tasks: [] }
    const { value, headers } = await this.#http.json<Task[]>(queryString({ status, limit, before }), { signal, repeatable: true })
    const next = nextPage(headers.get('link'))
    return { tasks: value, ...(next !== undefined && { next }) }
  }

  /** @returns undefined if the task does not exist */
  async get (id: string, { signal }: CallOptions = {}): Promise<Task | undefined> {
    try {
      return (await this.#http.json<Task>(taskPath(id), { signal, repeatable: true })).value
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /**
   * Creates a task. Every attempt sends the same id (a new one if the task has none), so that retries create one task.
   * @throws TasksError `FST_TASKS_VALIDATION`, `FST_TASKS_ID_TAKEN`, `FST_TASKS_TOO_LARGE`; `FST_TASKS_EXISTS` if a task with the
   * given id has other fields
   */
  async create (task: NewTask, { signal }: CallOptions = {}): Promise<CreateResult> {
    const body = { ...task, id: task.id ?? createTaskId() }
    const { value, status } = await this.#http.json<Task>('', { method: 'POST', body, signal, repeatable: true })
    // if a generated id exists, an earlier attempt created the task and its response was lost
    return { task: value, created: status === 201 || task.id === undefined }
  }

  /**
   * Cancels a queued task immediately, or requests the cancellation of a running task.
   * @throws TasksError `FST_TASKS_NOT_FOUND`; `FST_TASKS_NOT_ACTIVE` if the task has already finished
   */
  async cancel (id: string, { signal }: CallOptions = {}): Promise<CancelResult> {
    const { value, status } = await this.#http.json<Task>(`${taskPath(id)}/cancel`, { method: 'POST', signal })
    return status === 202 ? { outcome: 'requested' } : { outcome: 'cancelled', task: value }
  }

  /**
   * Deletes a task and its log.
   * @throws TasksError `FST_TASKS_NOT_FOUND`; `FST_TASKS_ACTIVE` if the task is queued or running and `force` is not set
   */
  async delete (id: string, { force, signal }: DeleteOptions = {}): Promise<void> {
    await this.#http.json(`${taskPath(id)}${queryString({ force })}`, { method: 'DELETE', signal })
  }

  /**
   * Reads a part of a log as it is now; by default the whole log. The range is limited to the size of the
   * log, so that it may be empty.
   * @returns undefined if the task has no log yet
   * @throws TasksError `FST_TASKS_NOT_FOUND`
   * @throws TypeError if `tail` is combined with `start` or `end`
   * @throws RangeError if an option is not a non-negative integer
   */
  async readLog (id: string, options: ReadLogOptions = {}): Promise<LogPart | undefined> {
    return await readLog(this.#http, id, options)
  }

  /**
   * The current size of a log in bytes.
   * @returns undefined if the task has no log yet
   * @throws TasksError `FST_TASKS_NOT_FOUND`
   */
  async logSize (id: string, { signal }: CallOptions = {}): Promise<number | undefined> {
    return (await this.readLog(id, { start: 0, end: 0, signal }))?.size
  }

  /**
   * Finds the lines of a log that contain a text, ignoring case; the last match comes first. The server stops after about
   * a second or at the limit; then `next` is the `before` of the next search.
   * @param text 1 to 200 characters without line breaks
   * @throws TasksError `FST_TASKS_NOT_FOUND`, `FST_TASKS_VALIDATION`
   */
  async searchLog (id: string, text: string, { before, limit, signal }: SearchLogOptions = {}): Promise<SearchResult> {
    const path = `${taskPath(id)}/log/search${queryString({ q: text, before, limit })}`
    return (await this.#http.json<SearchResult>(path, { signal, repeatable: true })).value
  }

  /**
   * Yields the bytes of a log from `position` on, and as it grows, until the task has finished or is deleted. Waits if
   * there is no log yet. Returns the final status.
   * @throws TasksError `FST_TASKS_NOT_FOUND` if the task does not exist when the client first connects
   */
  followLog (id: string, { position, signal }: FollowOptions = {}): AsyncGenerator<LogPiece, LogEnd, undefined> {
    return abortable((end) => new LogFollower(this.#http, id, position).pieces(end), signal)
  }

  /** Reports the state of the server and its processor, and current problems. */
  async health ({ signal }: CallOptions = {}): Promise<Health> {
    return (await this.#http.json<Health>('/_meta/health', { signal, repeatable: true })).value
  }

  /** The task types that the processor last published, for forms. */
  async types ({ signal }: CallOptions = {}): Promise<TaskTypes> {
    return (await this.#http.json<TaskTypes>('/_meta/types', { signal, repeatable: true })).value
  }

  /**
   * A live collection of all tasks, or some, optionally with their logs. It connects when its changes are consumed.
   * @throws RangeError if `tasks` is empty
   */
  watch (options: LiveTasksOptions = {}): LiveTasks {
    return new LiveTasks(this.#http, options)
  }
}
