import { creationTime, newestFirst } from '../../shared/task-order.ts'
import type { Task } from '../../client/index.ts'
import type { Change } from './feed/messages.ts'

interface Entry {
  readonly id: string
  readonly task: Task
  readonly createdAt: number
}

/** Tasks by their ids, and in their order. */
export class TaskTable {
  #entries = new Map<string, Entry>()
  #list: readonly Task[] | undefined = []

  get (id: string): Task | undefined {
    return this.#entries.get(id)?.task
  }

  /** Newest first; another array after each change. */
  get list (): readonly Task[] {
    this.#list ??= [...this.#entries.values()].sort(newestFirst).map(({ task }) => task)
    return this.#list
  }

  replace (tasks: readonly Task[]): void {
    this.#entries = new Map(tasks.map((task) => [task.id, entryOf(task)]))
    this.#list = undefined
  }

  apply (changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.type === 'deleted') this.#entries.delete(change.id)
      else this.#entries.set(change.task.id, entryOf(change.task))
    }
    this.#list = undefined
  }
}

function entryOf (task: Task): Entry {
  return { id: task.id, task, createdAt: creationTime(task) }
}
