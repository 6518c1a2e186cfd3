import type { StoredTask } from '../shared/stored-task.ts'
import type { Task } from '../shared/task-schema.ts'
import type { TaskEvent, TaskLogEvent, TaskUpsertEvent } from '../store.ts'
import { isThenable } from '../util/callbacks.ts'
import type { FeedFilter } from './filter.ts'
import { parsedTask } from './parsed-task.ts'
import { sizeUpdate } from './size-update.ts'

/** The filter of one client. It maps an event to the events to send: none, the same, or substitutes. */
export class ClientFilter {
  /** Whether any log event may pass. */
  readonly logs: boolean
  /** Which events pass: `all`, all except log events (`no-logs`), or a selection. Clients with `all` or `no-logs` share their frames. */
  readonly passes: 'all' | 'no-logs' | 'selection'
  readonly #tasks: ReadonlySet<string> | undefined
  readonly #logsOf: ReadonlySet<string> | undefined
  readonly #where: ((task: Task) => boolean) | undefined
  readonly #onError: (error: unknown) => void
  /** With `where`: the tasks that the client has received. */
  readonly #visible = new Set<string>()
  /** With `where`: the log sizes of the other tasks, as far as they are known from events. */
  readonly #hiddenLogSizes = new Map<string, number>()

  /** @param onError called if `where` throws or returns a promise; the task does not match then */
  constructor ({ tasks, logs = true, where }: FeedFilter, onError: (error: unknown) => void) {
    this.#onError = onError
    this.#logsOf = typeof logs === 'boolean' ? undefined : new Set(logs)
    this.logs = typeof logs === 'boolean' ? logs : logs.length > 0
    const isSelection = tasks !== undefined || where !== undefined || (this.logs && this.#logsOf !== undefined)
    this.passes = isSelection ? 'selection' : this.logs ? 'all' : 'no-logs'
    this.#tasks = tasks && new Set(tasks)
    this.#where = where
  }

  /** Whether it depends on the tasks that exist when the client connects: pass each of them to `addVisible`. */
  get needsTasks (): boolean {
    return this.#where !== undefined
  }

  /** The client has received the task, if it matches. */
  addVisible (task: StoredTask): void {
    if (this.#matches(task)) this.#visible.add(task.id)
  }

  /** @param options.isReplay the client may have received tasks that this filter has not seen. Default: false */
  apply (event: TaskEvent, { isReplay = false } = {}): TaskEvent[] {
    const id = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (this.#tasks?.has(id) === false) return []
    if (event.type === 'task.log' && (!this.logs || this.#logsOf?.has(id) === false)) return []
    if (this.#where === undefined) return [event]
    if (event.type === 'task.log') return this.#applyToLog(event)
    if (event.type === 'task.upsert' && this.#matches(event.task)) return this.#show(event)
    const wasVisible = this.#visible.delete(id) || isReplay
    if (event.type === 'task.deleted') this.#hiddenLogSizes.delete(id)
    return wasVisible ? [{ type: 'task.deleted', eventId: event.eventId, taskId: id }] : []
  }

  /** Errors and promises mean no: a client must not see a task by mistake. */
  #matches (task: StoredTask): boolean {
    try {
      const result: unknown = this.#where?.(parsedTask(task))
      if (!isThenable(result)) return Boolean(result)
      result.then(undefined, () => {})
      throw new TypeError('`where` returned a promise. It must return true or false.')
    } catch (error) {
      this.#onError(error)
      return false
    }
  }

  #applyToLog (event: TaskLogEvent): TaskEvent[] {
    if (this.#visible.has(event.taskId)) return [event]
    this.#hiddenLogSizes.set(event.taskId, event.end)
    return []
  }

  /** If the log grew while the task did not match, a size update precedes the task. */
  #show (event: TaskUpsertEvent): TaskEvent[] {
    const { task: { id: taskId }, eventId } = event
    this.#visible.add(taskId)
    const end = this.#hiddenLogSizes.get(taskId)
    this.#hiddenLogSizes.delete(taskId)
    return end === undefined ? [event] : [sizeUpdate({ eventId, taskId, end }), event]
  }
}
