import { DirectoryIdentity } from '../protocol/directory-identity.ts'
import { tasksDirectory, type TasksDirectory } from '../protocol/tasks-directory.ts'
import { resolveOptions, type ProcessorOptions, type ResolvedOptions } from './options.ts'
import { nextProcessorPhase, type ProcessorEvent, type ProcessorPhase } from './processor-phase.ts'
import { QueueRunner } from './queue-runner.ts'
import { Resources } from './resources.ts'
import { PendingOutcomes } from './run/pending-outcomes.ts'
import type { RunContext } from './run/run-context.ts'
import { Shutdown, type StopOptions } from './shutdown.ts'
import { asStartError, ProcessorStartError } from './start-error.ts'
import { WarnOnce } from './warn-once.ts'

/** `lost-lock`: another processor has taken the directory's lock, or the lock file was removed. */
export type ProcessorEnd = 'stopped' | 'lost-lock'

/** Runs the queued tasks of a directory, oldest first, according to its policy. */
export class TaskProcessor {
  /** Resolves when the processor has stopped: its commands have finished, or were left running. */
  readonly ended: Promise<ProcessorEnd>
  readonly #directory: TasksDirectory
  readonly #options: ResolvedOptions
  readonly #shutdown: Shutdown
  readonly #warnings: WarnOnce
  #phase: ProcessorPhase = 'new'
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #resources: Resources | undefined
  #runner: QueueRunner | undefined
  #resolveEnded!: (end: ProcessorEnd) => void

  /**
   * @throws TypeError if an option is unknown or has another type
   * @throws RangeError if an option is out of range
   */
  constructor (dir: string, options: ProcessorOptions = {}) {
    this.#options = resolveOptions(options)
    this.#directory = tasksDirectory(dir, this.#options.fileSystem)
    this.#shutdown = new Shutdown(this.#options.graceMs)
    this.#warnings = new WarnOnce(this.#options.logger)
    this.ended = new Promise((resolve) => { this.#resolveEnded = resolve })
  }

  /**
   * Acquires the directory's lock and starts to run tasks. If another processor died there, this may take
   * `lockStaleAfterMs`.
   * @throws ProcessorStartError whose message says what to do
   */
  start (): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  /**
   * Claims no more tasks, and terminates the running ones, which become `failed`, or leaves them running. Resolves when
   * everything is written.
   */
  stop (options: StopOptions = {}): Promise<ProcessorEnd> {
    this.#shutdown.request(options)
    this.#send('stop')
    for (const run of this.#runner?.runs ?? []) this.#shutdown.applyTo(run)
    this.#close()
    return this.ended
  }

  /** The ids of the tasks that it is running now. */
  get running (): string[] {
    return this.#runner?.ids ?? []
  }

  async #start (): Promise<void> {
    this.#send('start')
    if (this.#phase !== 'starting') throw new ProcessorStartError('The processor was stopped before it was started.')
    try {
      this.#resources = await Resources.open(this.#directory, this.#options, this.#warnings)
      const runner = await this.#takeOver(this.#resources)
      this.#send('started')
      runner.start()
    } catch (error) {
      this.#send('start-failed')
      throw error
    }
  }

  /** Acquires the directory, and continues what an earlier processor left in it. */
  async #takeOver (resources: Resources): Promise<QueueRunner> {
    try {
      const runner = new QueueRunner(await this.#createContext(resources), this.#options, {
        mayClaim: () => this.#phase === 'running',
        onRun: (run) => this.#shutdown.applyTo(run),
        stopping: this.#shutdown.stopping,
        warnings: this.#warnings
      })
      // visible from now on: a request to stop is for the runs that are recovered, too
      this.#runner = runner
      // before the first scan, so that no change is missed between the two
      await resources.openHints((id, kind) => runner.onHint(id, kind))
      await runner.recover()
      return runner
    } catch (error) {
      await resources.release()
      throw asStartError(error)
    }
  }

  async #createContext (resources: Resources): Promise<RunContext> {
    const { graceMs, heartbeatIntervalMs, lockStaleAfterMs, logger, maxLogBytes, policy } = this.#options
    const { state, wrapper, cgroup } = resources
    const lock = await resources.acquireLock(lockStaleAfterMs, { signal: this.#shutdown.stopping, onLost: () => this.#stepDown() })
    const identity = new DirectoryIdentity(this.#directory.path)
    await identity.remember()
    const forkServer = await resources.startForkServer()
    const shared = { directory: this.#directory, identity, state, logger, hurry: this.#shutdown.hurry }
    const pendingOutcomes = new PendingOutcomes(shared)
    return { ...shared, pendingOutcomes, lock, policy, graceMs, heartbeatIntervalMs, maxLogBytes, wrapper, forkServer, cgroup }
  }

  #stepDown (): void {
    this.#send('lock-lost')
    this.#options.logger.warn('Lost the lock to another processor, or it was removed; no more tasks will be claimed.')
    this.#shutdown.stepDown()
    this.#close()
  }

  #close (): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #finish (): Promise<void> {
    await this.#starting?.catch(() => {})
    await this.#runner?.stop()
    await this.#resources?.state.idle()
    await this.#resources?.release()
    this.#send('released')
    this.#resolveEnded(this.#phase === 'lost-lock' ? 'lost-lock' : 'stopped')
  }

  #send (event: ProcessorEvent): void {
    this.#phase = nextProcessorPhase(this.#phase, event)
  }
}
