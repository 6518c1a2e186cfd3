import { newestFirst } from '../../shared/task-order.ts'
import type { IndexedTask, QueuedTask } from './indexed-file.ts'

/**
 * Queued tasks in the order of their creation. It is sorted only when a task is taken, and drops stale entries (of tasks
 * that have changed since) only then, so that adding one task costs nothing more in a long queue.
 */
export class TaskQueue {
  readonly #isCurrent: (task: IndexedTask) => boolean
  /** Newest first if `#isSorted`. */
  #tasks: IndexedTask[] = []
  #isSorted = true

  /** @param isCurrent returns false for a stale entry */
  constructor (isCurrent: (task: IndexedTask) => boolean) {
    this.#isCurrent = isCurrent
  }

  add (task: IndexedTask): void {
    this.#tasks.push(task)
    this.#isSorted = false
  }

  /** Returns the oldest task that `accepts` accepts. The caller makes it stale once it is taken. */
  takeOldest (accepts: (task: QueuedTask) => boolean): IndexedTask | undefined {
    this.#sort()
    this.#dropStaleEnd()
    return this.#tasks.findLast((task) => this.#isCurrent(task) && accepts(task))
  }

  #sort (): void {
    if (this.#isSorted) return
    this.#tasks = this.#tasks.filter((task) => this.#isCurrent(task)).sort(newestFirst)
    this.#isSorted = true
  }

  #dropStaleEnd (): void {
    let last = this.#tasks.at(-1)
    while (last !== undefined && !this.#isCurrent(last)) {
      this.#tasks.pop()
      last = this.#tasks.at(-1)
    }
  }
}
