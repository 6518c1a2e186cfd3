import type { FileKind } from '../protocol/file-names.ts'
import { StaleFiles } from '../protocol/stale-files.ts'
import { limitsOf } from './limits.ts'
import type { ResolvedOptions } from './options.ts'
import { PolicyPublisher } from './policy/policy-publisher.ts'
import { PollingLoop } from './polling-loop.ts'
import { PacedScan } from './queue/paced-scan.ts'
import { QueueIndex } from './queue/queue-index.ts'
import { RetentionSweeper } from './retention/retention-sweeper.ts'
import { Dispatcher } from './run/dispatcher.ts'
import type { RunContext } from './run/run-context.ts'
import type { TaskRun } from './run/task-run.ts'
import type { WarnOnce } from './warn-once.ts'

export interface QueueRunnerHost {
  /** Whether queued tasks may be claimed now. */
  readonly mayClaim: () => boolean
  /** Called with each new run, to stop it if the processor is stopping. */
  readonly onRun: (run: TaskRun) => void
  /** Aborted when the processor stops. */
  readonly stopping: AbortSignal
  readonly warnings: WarnOnce
}

/** Runs the queued tasks of a directory, while the processor holds its lock. */
export class QueueRunner {
  readonly #context: RunContext
  readonly #host: QueueRunnerHost
  readonly #dispatcher: Dispatcher
  readonly #scan: PacedScan
  readonly #sweeper: RetentionSweeper
  readonly #publisher: PolicyPublisher
  readonly #polling: PollingLoop

  constructor (context: RunContext, options: ResolvedOptions, host: QueueRunnerHost) {
    const { directory } = context
    const { concurrency, logger, policy, pollIntervalMs, retain } = options
    const { mayClaim, onRun, stopping, warnings } = host
    this.#context = context
    this.#host = host
    const index = new QueueIndex(directory, (id, problem) => logger.warn(`${id}.json cannot be used: ${problem}`))
    const dispatcher = new Dispatcher(context, index, { concurrency, policy, mayClaim, onRun, onError: (id, error) => warnings.warn(id, error) })
    const isActive = (id: string) => dispatcher.isActive(id)
    // it gets only tasks that are not run here, and no other processor runs any
    const staleFiles = new StaleFiles(directory, { isProcessorAlive: () => false, isProcessor: true, onError: (error, name) => warnings.warn(name, error) })
    this.#dispatcher = dispatcher
    this.#scan = new PacedScan({ index, staleFiles, isActive })
    this.#sweeper = new RetentionSweeper({
      directory, retain, index, isActive, logger, signal: stopping, onError: (reason) => warnings.warn('Finished tasks cannot be deleted', new Error(reason))
    })
    this.#publisher = new PolicyPublisher({
      directory, policy, limits: { ...limitsOf(options) }, logger, onError: (error) => warnings.warn('The policy cannot be published', error)
    })
    this.#polling = new PollingLoop(() => this.#poll(), { intervalMs: pollIntervalMs, onError: (error) => warnings.warn('The tasks directory', error) })
  }

  get ids (): string[] {
    return this.#dispatcher.ids
  }

  get runs (): TaskRun[] {
    return this.#dispatcher.runs
  }

  onHint (id: string, kind: FileKind): void {
    this.#dispatcher.onHint(id, kind)
  }

  /** Continues what an earlier processor left. Queued tasks are not claimed before `start`. */
  async recover (): Promise<void> {
    await this.#dispatcher.recover()
  }

  start (): void {
    this.#publisher.start()
    this.#dispatcher.dispatch()
    this.#polling.start()
  }

  /** Waits for the runs, which are supervised until they are done, and stops everything. */
  async stop (): Promise<void> {
    this.#publisher.stop()
    await this.#dispatcher.idle()
    await this.#polling.stop()
    await this.#publisher.idle()
    await this.#sweeper.idle()
  }

  /** Finds what no hint reported; hints are only an optimisation. */
  async #poll (): Promise<void> {
    await this.#dispatcher.checkStopRequests()
    await this.#context.pendingOutcomes.retry()
    this.#publisher.retry()
    if (!this.#host.mayClaim() || !await this.#scan.runIfDue()) return
    this.#dispatcher.dispatch()
    this.#sweeper.tick()
  }
}
