import type { TaskEvent, TaskLogEvent, TaskUpsertEvent } from '../store.ts'
import type { Task } from '../shared/task-schema.ts'
import type { StoredTask } from '../shared/stored-task.ts'

/** Narrows a feed. */
export interface FeedFilter {
  /** Only these tasks. Default: all. */
  readonly tasks?: readonly string[]
  /** Log events too: of all these tasks (default), of none, or of some. */
  readonly logs?: boolean | readonly string[]
  /**
   * Only tasks that pass. A task that stops matching is sent as `task.deleted`. After a reconnect this may include the
   * id of a task the client never saw.
   */
  readonly where?: (task: Task) => boolean
}

/** Maps a store event to the events to send to one client: none, the same, or a substitute. */
export class Filtering {
  /** Whether any log events pass. */
  readonly logs: boolean
  /** Every event passes, or every one but logs: connections of one kind share their bytes. */
  readonly kind: 'all' | 'no-logs' | 'own'
  readonly #tasks: ReadonlySet<string> | undefined
  readonly #logsOf: ReadonlySet<string> | undefined
  readonly #where: ((task: Task) => boolean) | undefined
  /** With `where`: the tasks that the client knows. */
  readonly #visible = new Set<string>()
  /** With `where`: how far the logs of other tasks were told. */
  readonly #unseenEnds = new Map<string, number>()

  constructor ({ tasks, logs = true, where }: FeedFilter) {
    this.#logsOf = typeof logs === 'boolean' ? undefined : new Set(logs)
    this.logs = typeof logs === 'boolean' ? logs : logs.length > 0
    const narrowed = tasks !== undefined || where !== undefined || (this.logs && this.#logsOf !== undefined)
    this.kind = narrowed ? 'own' : this.logs ? 'all' : 'no-logs'
    this.#tasks = tasks && new Set(tasks)
    this.#where = where
  }

  /** Whether it must be told first what there is. */
  get needsTasks (): boolean {
    return this.#where !== undefined
  }

  knows (tasks: Iterable<StoredTask>): void {
    for (const { id, task } of tasks) if (this.#where?.(task)) this.#visible.add(id)
  }

  /** @param replayed the client may know a task that this filter never saw pass */
  apply (event: TaskEvent, replayed = false): TaskEvent[] {
    const id = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (this.#tasks?.has(id) === false) return []
    if (event.type === 'task.log' && (!this.logs || this.#logsOf?.has(id) === false)) return []
    if (this.#where === undefined) return [event]
    if (event.type === 'task.log') return this.#applyToLog(event)
    if (event.type === 'task.upsert' && this.#where(event.task.task)) return this.#appear(event)
    const known = this.#visible.delete(id) || replayed
    if (event.type === 'task.deleted') this.#unseenEnds.delete(id)
    return known ? [{ type: 'task.deleted', eventId: event.eventId, taskId: id }] : []
  }

  #applyToLog (event: TaskLogEvent): TaskEvent[] {
    if (this.#visible.has(event.taskId)) return [event]
    this.#unseenEnds.set(event.taskId, event.end)
    return []
  }

  /** What its log grew to while it did not pass comes with it, before it. */
  #appear (event: TaskUpsertEvent): TaskEvent[] {
    const { task: { id: taskId }, eventId } = event
    this.#visible.add(taskId)
    const end = this.#unseenEnds.get(taskId)
    this.#unseenEnds.delete(taskId)
    return end === undefined ? [event] : [{ type: 'task.log', eventId, taskId, offset: end, end, chunk: '' }, event]
  }
}
