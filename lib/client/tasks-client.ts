import type { Health, SearchResult } from '../shared/api-schemas.ts'
import type { FollowOptions } from '../shared/follow-options.ts'
import { createTaskId } from '../shared/task-id.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'
import type { TaskTypes } from '../shared/task-types.ts'
import { abortable } from '../util/abortable-generator.ts'
import { isStringArray } from '../util/kinds.ts'
import type { CallOptions, CancelResult, CreateResult, DeleteOptions, ListedTask, ListOptions, SearchLogOptions, TaskPage } from './call-options.ts'
import { checked, requireThat } from './check-options.ts'
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
 * `followLog` and `watch` reconnect until they succeed. Unknown options, and options of another type, are a `TypeError`.
 */
export class TasksClient {
  readonly #http: Http

  /**
   * @param url where the server has the routes of the plugin, such as `/api/tasks` in a browser
   * @throws TypeError if the URL is relative and there is no page that it could be relative to, or an option is invalid
   * @throws RangeError if a delay is not a number of milliseconds
   */
  constructor (url: string | URL, options: TasksClientOptions = {}) {
    this.#http = new Http(String(url), options)
  }

  /** Lists the tasks, newest first. */
  async list<S extends boolean = false> (options: ListOptions<S> = {}): Promise<TaskPage<ListedTask<S>>> {
    const { status, limit, before, summary, signal } = checked(options, ['status', 'limit', 'before', 'summary'])
    requireThat(status === undefined || Array.isArray(status), '`status` must be an array of statuses.')
    requireThat(summary === undefined || typeof summary === 'boolean', '`summary` must be a boolean.')
    // an empty array would disappear from the query and select all statuses
    if (status?.length === 0) return { tasks: [] }
    const { value, headers } = await this.#http.json<Array<ListedTask<S>>>(queryString({ status, limit, before, summary: summary || undefined }), { signal, repeatable: true })
    const next = nextPage(headers.get('link'))
    return { tasks: value, ...(next !== undefined && { next }) }
  }

  /** @returns undefined if the task does not exist */
  async get (id: string, options: CallOptions = {}): Promise<Task | undefined> {
    const { signal } = checked(options)
    try {
      return (await this.#http.json<Task>(taskPath(id), { signal, repeatable: true })).value
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /**
   * Creates a task. Every attempt sends the same id (a new one if the task has none), so that retries create one task.
   * @throws TasksError `FST_TASKS_VALIDATION`, `FST_TASKS_ID_TAKEN`, `FST_TASKS_UNUSABLE_FILE`, `FST_TASKS_TOO_LARGE`;
   * `FST_TASKS_EXISTS` if a task with the given id has other fields
   */
  async create (task: NewTask, options: CallOptions = {}): Promise<CreateResult> {
    const { signal } = checked(options)
    const body = { ...task, id: task.id ?? createTaskId() }
    const { value, status } = await this.#http.json<Task>('', { method: 'POST', body, signal, repeatable: true })
    // if a generated id exists, an earlier attempt created the task and its response was lost
    return { task: value, created: status === 201 || task.id === undefined }
  }

  /**
   * Cancels a queued task immediately, or requests the cancellation of a running task.
   * @throws TasksError `FST_TASKS_NOT_FOUND`; `FST_TASKS_NOT_ACTIVE` if the task has already finished
   */
  async cancel (id: string, options: CallOptions = {}): Promise<CancelResult> {
    const { signal } = checked(options)
    const { value, status } = await this.#http.json<Task>(`${taskPath(id)}/cancel`, { method: 'POST', signal })
    return status === 202 ? { outcome: 'requested' } : { outcome: 'cancelled', task: value }
  }

  /**
   * Deletes a task and its log.
   * @throws TasksError `FST_TASKS_NOT_FOUND`; `FST_TASKS_ACTIVE` if the task is queued or running and `force` is not set
   */
  async delete (id: string, options: DeleteOptions = {}): Promise<void> {
    const { force, signal } = checked(options, ['force'])
    requireThat(force === undefined || typeof force === 'boolean', '`force` must be a boolean.')
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
    return await readLog(this.#http, id, checked(options, ['start', 'end', 'tail']))
  }

  /**
   * The current size of a log in bytes.
   * @returns undefined if the task has no log yet
   * @throws TasksError `FST_TASKS_NOT_FOUND`
   */
  async logSize (id: string, options: CallOptions = {}): Promise<number | undefined> {
    const { signal } = checked(options)
    return (await this.readLog(id, { start: 0, end: 0, signal }))?.size
  }

  /**
   * Finds the lines of a log that contain a text, ignoring case; the last match comes first. The server stops after about
   * a second or at the limit; then `next` is the `before` of the next search.
   * @param text 1 to 200 characters without line breaks
   * @throws TasksError `FST_TASKS_NOT_FOUND`, `FST_TASKS_VALIDATION`
   */
  async searchLog (id: string, text: string, options: SearchLogOptions = {}): Promise<SearchResult> {
    const { before, limit, signal } = checked(options, ['before', 'limit'])
    const path = `${taskPath(id)}/log/search${queryString({ q: text, before, limit })}`
    return (await this.#http.json<SearchResult>(path, { signal, repeatable: true })).value
  }

  /**
   * Yields the bytes of a log from `position` on, and as it grows, until the task has finished or is deleted. Waits if
   * there is no log yet. Returns the final status.
   * @throws TasksError `FST_TASKS_NOT_FOUND` if the task does not exist when the client first connects
   */
  followLog (id: string, options: FollowOptions = {}): AsyncGenerator<LogPiece, LogEnd, undefined> {
    const { position, signal } = checked(options, ['position'])
    return abortable((end) => new LogFollower(this.#http, id, position).pieces(end), signal)
  }

  /** Reports the state of the server and its processor, and current problems. */
  async health (options: CallOptions = {}): Promise<Health> {
    const { signal } = checked(options)
    return (await this.#http.json<Health>('/_meta/health', { signal, repeatable: true })).value
  }

  /** The task types that the processor last published, for forms. */
  async types (options: CallOptions = {}): Promise<TaskTypes> {
    const { signal } = checked(options)
    return (await this.#http.json<TaskTypes>('/_meta/types', { signal, repeatable: true })).value
  }

  /**
   * A live collection of all tasks, or some, optionally with their logs. It connects when its changes are consumed.
   * @throws RangeError if `tasks` is empty
   */
  watch<S extends boolean = false> (options: LiveTasksOptions<S> = {}): LiveTasks<ListedTask<S>> {
    const { tasks, logs, summary } = checked(options, ['tasks', 'logs', 'summary'])
    requireThat(tasks === undefined || isStringArray(tasks), '`tasks` must be an array of task ids.')
    requireThat(logs === undefined || typeof logs === 'boolean' || isStringArray(logs), '`logs` must be a boolean or an array of task ids.')
    requireThat(summary === undefined || typeof summary === 'boolean', '`summary` must be a boolean.')
    return new LiveTasks(this.#http, options)
  }
}
