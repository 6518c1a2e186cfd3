import type { Task } from '../../shared/task-schema.ts'
import { creationTime, newestFirst } from '../../shared/task-order.ts'

/** Tasks by id. */
export class TaskCollection {
  readonly #tasks = new Map<string, Task>()

  get byId (): ReadonlyMap<string, Task> {
    return this.#tasks
  }

  newestFirst (): Task[] {
    return [...this.#tasks.values()]
      .map((task) => ({ task, id: task.id, createdAt: creationTime(task) }))
      .sort(newestFirst)
      .map(({ task }) => task)
  }

  replaceAll (tasks: readonly Task[]): void {
    this.#tasks.clear()
    for (const task of tasks) this.set(task)
  }

  set (task: Task): void {
    this.#tasks.set(task.id, task)
  }

  /** @returns whether the task was in the collection */
  delete (taskId: string): boolean {
    return this.#tasks.delete(taskId)
  }
}
