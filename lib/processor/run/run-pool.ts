import type { QueuedTask } from '../queue/indexed-file.ts'
import { isPreparing, occupiesSlot } from './run-phase.ts'
import type { TaskRun } from './task-run.ts'

/** How many tasks are prepared at a time: each takes descriptors, and where these are few, one must get through. */
const MAX_PREPARING = 4

export interface RunPoolOptions {
  /** How many commands may run at the same time. */
  readonly concurrency: number
  /** The same for one type; undefined: no limit besides `concurrency`. */
  readonly concurrencyOf: (type: string) => number | undefined
  /** Called when a slot may have become free. */
  readonly onFreeSlot: () => void
  /** Called with the reason why a task could not be run. */
  readonly onError: (id: string, error: unknown) => void
}

interface PooledRun {
  readonly run: TaskRun
  readonly type: string
  readonly done: Promise<void>
}

/** The processor's active runs and its remaining capacity. */
export class RunPool {
  readonly #options: RunPoolOptions
  readonly #runs = new Map<string, PooledRun>()

  constructor (options: RunPoolOptions) {
    this.#options = options
  }

  get ids (): string[] {
    return [...this.#runs.keys()]
  }

  get runs (): TaskRun[] {
    return [...this.#runs.values()].map(({ run }) => run)
  }

  has (id: string): boolean {
    return this.#runs.has(id)
  }

  get (id: string): TaskRun | undefined {
    return this.#runs.get(id)?.run
  }

  /** Whether another task can be claimed, of a type that has a free slot. */
  get hasFreeSlot (): boolean {
    const phases = this.runs.map(({ phase }) => phase)
    return phases.filter(occupiesSlot).length < this.#options.concurrency && phases.filter(isPreparing).length < MAX_PREPARING
  }

  /** @returns a predicate for the types of which another task can be claimed now */
  freeTypes (): (type: string) => boolean {
    const occupied = new Map<string, number>()
    for (const { run, type } of this.#runs.values()) if (occupiesSlot(run.phase)) occupied.set(type, (occupied.get(type) ?? 0) + 1)
    return (type) => (occupied.get(type) ?? 0) < (this.#options.concurrencyOf(type) ?? Infinity)
  }

  /** @param work runs the task, which is in the pool until that is done */
  add ({ id, type }: QueuedTask, run: TaskRun, work: () => Promise<void>): void {
    const { onError, onFreeSlot } = this.#options
    // deferred until the run is in the pool
    const done = Promise.resolve().then(work)
      .catch((error) => onError(id, error))
      .finally(() => {
        this.#runs.delete(id)
        onFreeSlot()
      })
    this.#runs.set(id, { run, type, done })
  }

  /** Resolves when the runs that are in the pool now are done. */
  async idle (): Promise<void> {
    await Promise.all([...this.#runs.values()].map(({ done }) => done))
  }
}
