import { creationTime, newestFirst } from '../../shared/task-order.ts'
import type { Task } from '../../client/index.ts'
import type { TaskChange } from './feed/messages.ts'

interface Row {
  readonly id: string
  readonly task: Task
  /** Sort key, in ms since the epoch. */
  readonly createdAt: number
}

/** The tasks by id and in order. */
export class TaskTable {
  #rows = new Map<string, Row>()
  #list: readonly Task[] | undefined = []

  get (id: string): Task | undefined {
    return this.#rows.get(id)?.task
  }

  /** Newest first; a new array after each change. */
  get list (): readonly Task[] {
    this.#list ??= [...this.#rows.values()].sort(newestFirst).map(({ task }) => task)
    return this.#list
  }

  replace (tasks: readonly Task[]): void {
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

function rowOf (task: Task): Row {
  return { id: task.id, task, createdAt: creationTime(task) }
}
