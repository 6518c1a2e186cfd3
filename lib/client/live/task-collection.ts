import type { TaskSummary } from '../../shared/task-schema.ts'
import { creationTime, newestFirst } from '../../shared/task-order.ts'

/** Tasks by id. */
export class TaskCollection<T extends TaskSummary> {
  readonly #tasks = new Map<string, T>()

  get byId (): ReadonlyMap<string, T> {
    return this.#tasks
  }

  newestFirst (): T[] {
    return [...this.#tasks.values()]
      .map((task) => ({ task, id: task.id, createdAt: creationTime(task) }))
      .sort(newestFirst)
      .map(({ task }) => task)
  }

  replaceAll (tasks: readonly T[]): void {
    this.#tasks.clear()
    for (const task of tasks) this.set(task)
  }

  set (task: T): void {
    this.#tasks.set(task.id, task)
  }

  /** @returns whether the task was in the collection */
  delete (taskId: string): boolean {
    return this.#tasks.delete(taskId)
  }
}
