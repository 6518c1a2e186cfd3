import { bisect } from '../../util/bisect.ts'
import type { TaskQuery } from '../../store.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
import { timeInId } from '../../shared/task-id.ts'
import { newestFirst } from '../../shared/task-order.ts'
import type { LogTail } from '../log/log-tail.ts'

/** What is known of one task: its last good state, and where its files were read. */
export class Entry {
  readonly id: string
  /** Undefined until the file has been read successfully. */
  task: StoredTask | undefined
  /** Of the task file as it was read last. */
  fingerprint: string | undefined
  /** Read long enough after its mtime that any later change must produce a different mtime. */
  settled = false
  tail: LogTail | undefined
  hasLog = false
  /** The next log read reports only the size. */
  skipNext = false
  /** Its file can't be read now. */
  unreadable = false
  retries = 0
  retry: NodeJS.Timeout | undefined

  constructor (id: string) {
    this.id = id
  }
}

/** All known tasks, and their order, newest first. */
export class Catalogue {
  readonly #entries = new Map<string, Entry>()
  /** Sorted when it is asked for; sorting what is nearly sorted is cheap. */
  #order: Entry[] = []
  #sorted = true
  /** `#order` contains deleted entries. */
  #holes = false

  get (id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  entries (): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** How many tasks are listed. */
  get size (): number {
    return this.#ordered().length
  }

  /** Remembers an entry whose file can't be read yet. */
  keep (entry: Entry): void {
    this.#entries.set(entry.id, entry)
  }

  set (entry: Entry, task: StoredTask): void {
    const before = entry.task
    entry.task = task
    this.#entries.set(entry.id, entry)
    if (before === undefined) this.#order.push(entry)
    if (before?.createdAt !== task.createdAt) this.#sorted = false
  }

  delete (id: string): void {
    if (this.#entries.get(id)?.task !== undefined) this.#holes = true
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

  #ordered (): Entry[] {
    if (this.#holes) this.#order = this.#order.filter((entry) => this.#entries.get(entry.id) === entry)
    if (!this.#sorted) this.#order.sort((a, b) => newestFirst(a.task!, b.task!))
    this.#holes = false
    this.#sorted = true
    return this.#order
  }

  /** A page goes on where it stopped, also when that task is gone: ids hold the time of creation. */
  #indexAfter (order: Entry[], id: string): number {
    const key = this.#entries.get(id)?.task ?? { id, createdAt: timeInId(id) }
    return bisect(order.length, (index) => newestFirst(order[index]!.task!, key) > 0)
  }
}
