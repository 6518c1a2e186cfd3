import { newestFirst } from '../../shared/task-order.ts'
import type { IndexedTask, QueuedTask } from './indexed-file.ts'

/**
 * Queued tasks in the order of their creation. They are sorted, and stale entries (of tasks that have changed since) are
 * dropped, only by `compact`, so that adding a task to a long queue costs little.
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

  /** Prepares `findOldest`: sorts the tasks if any was added, and drops stale entries. */
  compact (): void {
    this.#sort()
    this.#dropStaleEnd()
  }

  /** The oldest task that `accepts` accepts. Call `compact` before. */
  findOldest (accepts: (task: QueuedTask) => boolean): IndexedTask | undefined {
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
