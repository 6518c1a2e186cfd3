import type { TaskEvent } from '../store.ts'
import type { StoredTask, Task } from '../task.ts'

/** Narrows a feed. */
export interface FeedFilter {
  /** Only these tasks. Default: all. */
  readonly tasks?: readonly string[]
  /** Log events too. Default: true. */
  readonly logs?: boolean
  /**
   * Only tasks that pass. One that no longer passes is sent as `task.deleted`. After a reconnect that may name, by id
   * alone, a task that never passed.
   */
  readonly where?: (task: Task) => boolean
}

/** Applies one client's filter: gives the event to send, another one in its place, or undefined. */
export class Filtering {
  readonly logs: boolean
  readonly #tasks: ReadonlySet<string> | undefined
  readonly #where: ((task: Task) => boolean) | undefined
  /** With `where`: the tasks that the client knows. */
  readonly #visible = new Set<string>()

  constructor ({ tasks, logs = true, where }: FeedFilter) {
    this.logs = logs
    this.#tasks = tasks && new Set(tasks)
    this.#where = where
  }

  /** Every event passes, or every one but logs: connections of one kind share their bytes. */
  get kind (): 'all' | 'no-logs' | 'own' {
    if (this.#tasks !== undefined || this.#where !== undefined) return 'own'
    return this.logs ? 'all' : 'no-logs'
  }

  /** Whether it must be told first what there is. */
  get needsTasks (): boolean {
    return this.#where !== undefined
  }

  knows (tasks: Iterable<StoredTask>): void {
    for (const { id, task } of tasks) if (this.#where?.(task)) this.#visible.add(id)
  }

  /** @param replayed the client may know a task that this filter never saw pass */
  apply (event: TaskEvent, replayed = false): TaskEvent | undefined {
    const id = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (this.#tasks?.has(id) === false) return undefined
    if (event.type === 'task.log' && !this.logs) return undefined
    if (this.#where === undefined) return event
    if (event.type === 'task.log') return this.#visible.has(id) ? event : undefined
    if (event.type === 'task.upsert' && this.#where(event.task.task)) {
      this.#visible.add(id)
      return event
    }
    const known = this.#visible.delete(id) || replayed
    return known ? { type: 'task.deleted', eventId: event.eventId, taskId: id } : undefined
  }
}
