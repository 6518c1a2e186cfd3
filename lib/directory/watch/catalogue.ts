import { FST_TASKS_VALIDATION } from '../../errors.ts'
import { createdAtInId } from '../../shared/task-id.ts'
import { cursorOf, newestFirst, parseCursor, type SortKey } from '../../shared/task-order.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
import type { TaskStatus } from '../../shared/task-status.ts'
import type { TaskQuery } from '../../store.ts'
import { SortedList } from '../../util/sorted-list.ts'
import { CatalogueEntry } from './catalogue-entry.ts'

/** All known tasks, and their order, newest first. */
export class Catalogue {
  readonly #entries = new Map<string, CatalogueEntry>()
  /** The entries with a task. */
  readonly #order = new SortedList<CatalogueEntry>({
    keyOf: ({ task }) => -task!.createdAt,
    compareEqual: (a, b) => newestFirst(a.task!, b.task!)
  })

  readonly #counts = new Map<TaskStatus | undefined, number>()

  /** By id. Entries without a task belong to files that have never been readable. */
  get entries (): ReadonlyMap<string, CatalogueEntry> {
    return this.#entries
  }

  get (id: string): CatalogueEntry | undefined {
    return this.#entries.get(id)
  }

  /** The number of tasks. */
  get size (): number {
    return this.#order.length
  }

  /** The number of tasks with this status; undefined: with an unknown one. */
  count (status: TaskStatus | undefined): number {
    return this.#counts.get(status) ?? 0
  }

  /** The task with this status that was created first. */
  oldest (status: TaskStatus): StoredTask | undefined {
    return this.count(status) === 0 ? undefined : this.#order.findLast(({ task }) => task!.status === status)?.task
  }

  /** Adds an entry whose file cannot be read yet. */
  addUnread (entry: CatalogueEntry): void {
    this.#entries.set(entry.id, entry)
  }

  /** Adds an entry with its task, or replaces its task. */
  set (entry: CatalogueEntry, task: StoredTask): void {
    const isMoved = entry.task?.createdAt !== task.createdAt
    if (entry.task !== undefined) this.#remove(entry, entry.task, { isMoved })
    entry.accept(task)
    this.#entries.set(entry.id, entry)
    this.#counts.set(task.status, (this.#counts.get(task.status) ?? 0) + 1)
    if (isMoved) this.#order.add(entry)
  }

  delete (id: string): void {
    const entry = this.#entries.get(id)
    if (entry?.task !== undefined) this.#remove(entry, entry.task, { isMoved: true })
    this.#entries.delete(id)
  }

  /** @throws FST_TASKS_VALIDATION if the place of `before` in the order is unknown */
  list ({ status, limit = Infinity, before }: TaskQuery): { tasks: StoredTask[], next?: string } {
    const tasks: StoredTask[] = []
    for (const entry of before === undefined ? this.#order : this.#after(this.#place(before))) {
      const task = entry.task!
      if (status !== undefined && (task.status === undefined || !status.includes(task.status))) continue
      if (tasks.length === limit) return { tasks, next: cursorOf(tasks.at(-1)!) }
      tasks.push(task)
    }
    return { tasks }
  }

  /** Call it before the entry gets another task. */
  #remove (entry: CatalogueEntry, { status }: StoredTask, { isMoved }: { isMoved: boolean }): void {
    this.#counts.set(status, this.#counts.get(status)! - 1)
    if (isMoved) this.#order.delete(entry)
  }

  #after (place: SortKey): Iterable<CatalogueEntry> {
    return this.#order.from((entry) => newestFirst(entry.task!, place) > 0)
  }

  #place (before: string): SortKey {
    const place = parseCursor(before) ?? this.#entries.get(before)?.task
    if (place !== undefined) return place
    const createdAt = createdAtInId(before)
    if (createdAt === undefined) {
      throw new FST_TASKS_VALIDATION(`before: there is no task ${before}, and its place in the list is unknown. Use the \`next\` of the previous page.`)
    }
    return { id: before, createdAt }
  }
}
