import type { StoredTask } from '../../shared/stored-task.ts'
import { timeInId } from '../../shared/task-id.ts'
import { newestFirst } from '../../shared/task-order.ts'
import type { TaskQuery } from '../../store.ts'
import { bisect } from '../../util/bisect.ts'
import { CatalogueEntry } from './catalogue-entry.ts'

/** All known tasks, and their order, newest first. */
export class Catalogue {
  readonly #entries = new Map<string, CatalogueEntry>()
  /** The entries with a task. It is sorted when it is needed, because sorting a nearly sorted array is cheap. */
  #order: CatalogueEntry[] = []
  #isSorted = true
  /** `#order` contains deleted entries. */
  #hasDeleted = false

  /** By id. Entries without a task belong to files that have never been readable. */
  get entries (): ReadonlyMap<string, CatalogueEntry> {
    return this.#entries
  }

  get (id: string): CatalogueEntry | undefined {
    return this.#entries.get(id)
  }

  /** The number of tasks. */
  get size (): number {
    return this.#ordered().length
  }

  /** Adds an entry whose file cannot be read yet. */
  addUnread (entry: CatalogueEntry): void {
    this.#entries.set(entry.id, entry)
  }

  /** Adds an entry with its task, or replaces its task. */
  set (entry: CatalogueEntry, task: StoredTask): void {
    const previous = entry.task
    entry.accept(task)
    this.#entries.set(entry.id, entry)
    if (previous === undefined) this.#order.push(entry)
    if (previous?.createdAt !== task.createdAt) this.#isSorted = false
  }

  delete (id: string): void {
    if (this.#entries.get(id)?.task !== undefined) this.#hasDeleted = true
    this.#entries.delete(id)
  }

  list ({ status, limit = Infinity, before }: TaskQuery): { tasks: StoredTask[], next?: string } {
    const order = this.#ordered()
    const tasks: StoredTask[] = []
    for (let index = before === undefined ? 0 : this.#indexAfter(order, before); index < order.length; index++) {
      const task = order[index]!.task!
      if (status !== undefined && (task.status === undefined || !status.includes(task.status))) continue
      if (tasks.length === limit) return { tasks, next: tasks.at(-1)!.id }
      tasks.push(task)
    }
    return { tasks }
  }

  #ordered (): CatalogueEntry[] {
    if (this.#hasDeleted) this.#order = this.#order.filter((entry) => this.#entries.get(entry.id) === entry)
    if (!this.#isSorted) this.#order.sort((a, b) => newestFirst(a.task!, b.task!))
    this.#hasDeleted = false
    this.#isSorted = true
    return this.#order
  }

  /** Index of the first task after this id, even if that task was deleted: the id contains its time of creation. */
  #indexAfter (order: CatalogueEntry[], id: string): number {
    const key = this.#entries.get(id)?.task ?? { id, createdAt: timeInId(id) }
    return bisect(order.length, (index) => newestFirst(order[index]!.task!, key) > 0)
  }
}
