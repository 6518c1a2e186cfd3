import type { Candidate } from '../queue/queue-index.ts'
import type { TaskRun } from './task-run.ts'

/** How many tasks are prepared at a time: each takes descriptors, and where these are few, one must get through. */
const PREPARED_AT_ONCE = 4

export interface RunPoolOptions {
  /** How many commands may run at the same time. */
  readonly concurrency: number
  /** How many of one type; undefined: as many as of all. */
  readonly concurrencyOf: (type: string) => number | undefined
  /** There may be room for another one. */
  readonly onRoom: () => void
  /** Told why a task could not be run. */
  readonly onError: (id: string, error: unknown) => void
}

interface Entry {
  readonly run: TaskRun
  readonly type: string
  readonly done: Promise<void>
}

/** The processor's active runs and its remaining capacity. */
export class RunPool {
  readonly #options: RunPoolOptions
  readonly #entries = new Map<string, Entry>()

  constructor (options: RunPoolOptions) {
    this.#options = options
  }

  get ids (): string[] {
    return [...this.#entries.keys()]
  }

  get runs (): TaskRun[] {
    return [...this.#entries.values()].map(({ run }) => run)
  }

  has (id: string): boolean {
    return this.#entries.has(id)
  }

  get (id: string): TaskRun | undefined {
    return this.#entries.get(id)?.run
  }

  /** Whether another task can be taken, of some type. */
  get hasRoom (): boolean {
    // the next one need not wait until an end is on the disk
    const runs = this.runs.filter(({ over }) => !over)
    return runs.length < this.#options.concurrency && runs.filter(({ begun }) => !begun).length < PREPARED_AT_ONCE
  }

  /** Says for each type whether one more of it can be taken now. */
  roomByType (): (type: string) => boolean {
    const running = new Map<string, number>()
    for (const { run, type } of this.#entries.values()) if (!run.over) running.set(type, (running.get(type) ?? 0) + 1)
    return (type) => (running.get(type) ?? 0) < (this.#options.concurrencyOf(type) ?? Infinity)
  }

  /** @param work what is to be done with it; the task is in here until that is done */
  add ({ id, type }: Candidate, run: TaskRun, work: () => Promise<void>): void {
    const { onError, onRoom } = this.#options
    // not before it is in here
    const done = Promise.resolve().then(work)
      .catch((error) => onError(id, error))
      .finally(() => {
        this.#entries.delete(id)
        onRoom()
      })
    this.#entries.set(id, { run, type, done })
  }

  /** Resolves when those that are in here now are done. */
  async settled (): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ done }) => done))
  }
}
