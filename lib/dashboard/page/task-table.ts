import { creationTime, newestFirst } from '../../shared/task-order.ts'
import type { TaskSummary } from '../../client/index.ts'

export type TaskChange =
  | { readonly type: 'upsert', readonly task: TaskSummary }
  | { readonly type: 'deleted', readonly id: string }

interface Row {
  readonly id: string
  readonly task: TaskSummary
  /** Sort key, in ms since the epoch. */
  readonly createdAt: number
}

/** The tasks by id and in order. */
export class TaskTable {
  #rows = new Map<string, Row>()
  #list: readonly TaskSummary[] | undefined = []

  get (id: string): TaskSummary | undefined {
    return this.#rows.get(id)?.task
  }

  /** Newest first; a new array after each change. */
  get list (): readonly TaskSummary[] {
    this.#list ??= [...this.#rows.values()].sort(newestFirst).map(({ task }) => task)
    return this.#list
  }

  replace (tasks: readonly TaskSummary[]): void {
    this.#rows = new Map(tasks.map((task) => [task.id, rowOf(task)]))
    this.#list = undefined
  }

  apply (changes: readonly TaskChange[]): void {
    for (const change of changes) {
      if (change.type === 'deleted') this.#rows.delete(change.id)
      else this.#rows.set(change.task.id, rowOf(change.task))
    }
    this.#list = undefined
  }
}

function rowOf (task: TaskSummary): Row {
  return { id: task.id, task, createdAt: creationTime(task) }
}
