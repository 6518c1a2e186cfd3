import type { FileKind } from '../../protocol/file-names.ts'
import type { Policy } from '../policy/policy.ts'
import { countedTypeOf } from '../queue/counted-type.ts'
import type { QueuedTask } from '../queue/indexed-file.ts'
import type { QueueIndex } from '../queue/queue-index.ts'
import type { Attempt } from '../state/attempt.ts'
import { finishUnknownTask, requeueTask } from './recovered-task.ts'
import { recover } from './recovery.ts'
import type { RunContext } from './run-context.ts'
import { RunPool } from './run-pool.ts'
import { TaskRun } from './task-run.ts'

export interface DispatcherOptions {
  readonly concurrency: number
  readonly policy: Policy
  /** Whether queued tasks may be claimed now. */
  readonly mayClaim: () => boolean
  /** Called with each new run, to stop it if the processor is stopping. */
  readonly onRun: (run: TaskRun) => void
  /** Called with the reason why a task could not be run. */
  readonly onError: (id: string, error: unknown) => void
}

/** Starts queued tasks while there is capacity, and passes hints to their runs. */
export class Dispatcher {
  readonly #context: RunContext
  readonly #index: QueueIndex
  readonly #options: DispatcherOptions
  readonly #pool: RunPool

  constructor (context: RunContext, index: QueueIndex, options: DispatcherOptions) {
    const { concurrency, policy, onError } = options
    this.#context = context
    this.#index = index
    this.#options = options
    this.#pool = new RunPool({
      concurrency,
      concurrencyOf: (type) => policy.concurrencyOf(type),
      onFreeSlot: () => this.dispatch(),
      onError
    })
  }

  get ids (): string[] {
    return this.#pool.ids
  }

  get runs (): TaskRun[] {
    return this.#pool.runs
  }

  isActive (id: string): boolean {
    return this.#pool.has(id)
  }

  /** Reads the directory, and continues what an earlier processor left in it. */
  async recover (): Promise<void> {
    const names = await this.#index.scan()
    const { started, unstarted, unknown } = await recover(this.#context, names, this.#index.withStatus('running'))
    for (const attempt of started) this.#add(recordedTask(attempt), (run) => run.adopt(attempt))
    for (const attempt of unstarted) {
      const task = recordedTask(attempt)
      this.#add(task, async () => {
        await requeueTask(this.#context, attempt)
        await this.#index.refresh(task.id)
      })
    }
    for (const id of unknown) this.#add({ id, type: '' }, () => finishUnknownTask(this.#context, id))
  }

  /** Starts the oldest tasks for which there is a slot. A type without a free slot does not hold up other types. */
  dispatch (): void {
    while (this.#options.mayClaim() && this.#pool.hasFreeSlot) {
      const isFree = this.#pool.freeTypes()
      const task = this.#index.takeOldest(({ id, type }) => !this.#pool.has(id) && isFree(type))
      if (task === undefined) return
      this.#add(task, (run) => run.run(task.type))
    }
  }

  /** Refreshes what a hint is about. */
  onHint (id: string, kind: FileKind): void {
    const run = this.#pool.get(id)
    if (run === undefined && kind === 'json') this.#refresh(id)
    if (kind === 'json' || kind === 'cancel') run?.checkStopRequest()
  }

  async checkStopRequests (): Promise<void> {
    await Promise.all(this.#pool.runs.map((run) => run.checkStopRequest()))
  }

  /** Resolves when the runs of now are done. */
  async idle (): Promise<void> {
    await this.#pool.idle()
  }

  async #refresh (id: string): Promise<void> {
    await this.#index.refresh(id)
    this.dispatch()
  }

  #add (task: QueuedTask, work: (run: TaskRun) => Promise<void>): void {
    const run = new TaskRun(this.#context, task.id, () => this.dispatch())
    this.#pool.add(task, run, () => work(run))
    this.#options.onRun(run)
  }
}

function recordedTask ({ record: { header } }: Attempt): QueuedTask {
  return { id: header.id, type: countedTypeOf(header) }
}
