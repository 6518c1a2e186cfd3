import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FileKind } from '../protocol/file-names.ts'
import { DirectoryIdentity } from '../protocol/directory-identity.ts'
import { StaleFiles } from '../protocol/stale-files.ts'
import type { Attempt } from './state/attempt.ts'
import { ForkServer } from './command/fork-server.ts'
import { limitsOf } from './limits.ts'
import { ProcessorLock } from './state/processor-lock.ts'
import { resolveOptions, type ProcessorOptions, type ResolvedOptions } from './options.ts'
import type { Policy } from './policy/policy.ts'
import { publishInfo } from './policy/publish-info.ts'
import { countedTypeOf, QueueIndex, type Candidate } from './queue/queue-index.ts'
import { idsWith, recover } from './run/recovery.ts'
import { asStartError, ProcessorStartError } from './start-error.ts'
import { RunPool } from './run/run-pool.ts'
import { StateDirectory } from './state/state-directory.ts'
import { RetentionSweeper } from './retention/retention-sweeper.ts'
import { requireLinux, requireOwnProc } from './os/platform.ts'
import { prepareCgroups } from './os/task-cgroup.ts'
import type { RunContext } from './run/run-context.ts'
import { TaskRun } from './run/task-run.ts'
import { WakeUp } from './queue/wake-up.ts'
import { chooseWrapper } from './command/wrapper.ts'
import { tasksDirectory, type TasksDirectory } from '../protocol/tasks-directory.ts'

/** After a scan, pause for this many times its duration. */
const SCAN_PAUSE = 20

/** Why a processor has ended: it was stopped, or another one has its lock (or somebody removed it). */
export type ProcessorEnd = 'stopped' | 'lost-lock'

export interface StopOptions {
  /** Kills what runs, without grace, also after an earlier call. */
  now?: boolean
  /** Lets the commands run on: the next processor goes on with them. */
  leave?: boolean
}

/** Runs the queued tasks of a directory, oldest first, as its policy says. */
export class TaskProcessor {
  /** Resolves when it has ended and all its commands have. */
  readonly ended: Promise<ProcessorEnd>
  readonly #directory: TasksDirectory
  readonly #options: ResolvedOptions
  readonly #index: QueueIndex
  readonly #guard: DirectoryIdentity
  readonly #leftovers: StaleFiles
  readonly #sweeper: RetentionSweeper
  readonly #pool: RunPool
  readonly #unsettled = new Map<string, () => Promise<void>>()
  readonly #warned = new Set<string>()
  /** Aborted by the first stop request, and by the second one. */
  readonly #stopping = new AbortController()
  readonly #hurry = new AbortController()
  /** Aborted when nothing is left to look after. */
  readonly #settled = new AbortController()
  /** How to stop a run; also applied to runs adopted after the stop request. */
  #wish: ((run: TaskRun) => void) | undefined
  #tellEnded!: (how: ProcessorEnd) => void
  readonly #wakeUp: WakeUp
  #state: StateDirectory | undefined
  #lock: ProcessorLock | undefined
  #forkServer: ForkServer | undefined
  #context: RunContext | undefined
  #lost = false
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #nextScan = 0
  #unwatchPolicy: (() => void) | undefined
  #publishing: Promise<void> = Promise.resolve()
  #isPublished = true

  constructor (dir: string, options: ProcessorOptions = {}) {
    this.#options = resolveOptions(options)
    const directory = tasksDirectory(dir, this.#options.fileSystem)
    this.#directory = directory
    const { concurrency, logger, policy, retain } = this.#options
    this.#guard = new DirectoryIdentity(dir)
    this.#pool = new RunPool({
      concurrency,
      concurrencyOf: (type) => policy.concurrencyOf(type),
      onRoom: () => this.#pump(),
      onError: (id, error) => this.#warnOnce(id, error)
    })
    this.#index = new QueueIndex(directory, (id, reason) => logger.warn(`${id}.json can't be used: ${reason}`))
    this.#wakeUp = new WakeUp(directory, (id, kind) => this.#onHint(id, kind), logger)
    // tasks that are run here are left out, and nobody else runs any
    this.#leftovers = new StaleFiles(directory, { isProcessorAlive: () => false, isProcessor: true, onError: (error, name) => this.#warnOnce(name, error) })
    this.#sweeper = new RetentionSweeper({
      directory,
      retain,
      index: this.#index,
      isRunning: (id) => this.#pool.has(id),
      logger,
      onError: (reason) => this.#warnOnce('Finished tasks', new Error(`they can't be removed: ${reason}`)),
      signal: this.#stopping.signal
    })
    this.ended = new Promise((resolve) => { this.#tellEnded = resolve })
  }

  /**
   * Takes the directory's lock and begins. Where another processor died, this takes `lockStaleAfterMs`.
   * @throws ProcessorStartError whose message says what to do
   */
  start (): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  /**
   * Takes no more tasks and ends those that run, as `failed`, or leaves them. Resolves when all is written.
   */
  stop ({ now = false, leave = false }: StopOptions = {}): Promise<ProcessorEnd> {
    this.#stopping.abort()
    if (now || leave) this.#hurry.abort()
    this.#wish = (run) => leave ? run.leave() : run.stop('processor-stopped', now ? 0 : this.#options.graceMs)
    this.#pool.runs.forEach(this.#wish)
    this.#close()
    return this.ended
  }

  /** The ids of the tasks that it runs now. */
  get running (): string[] {
    return this.#pool.ids
  }

  async #start (): Promise<void> {
    requireLinux()
    requireOwnProc()
    await this.#checkDirectory()
    const { graceMs, heartbeatIntervalMs, lockStaleAfterMs, logMaxBytes, logger, stateDir } = this.#options
    const cgroup = this.#options.cgroups ? prepareCgroups() : undefined
    const [wrapper, state] = await Promise.all([chooseWrapper(), StateDirectory.open(stateDir, this.#directory, logger)])
    this.#state = state
    if (!wrapper.waitsForDisk) logger.warn('Perl is not installed: when the disk fills up, commands writing to it are terminated instead of blocked')
    try {
      const { signal } = this.#stopping
      this.#lock = await ProcessorLock.acquire(this.#directory, {
        staleAfterMs: lockStaleAfterMs,
        signal,
        onLost: () => this.#stepDown(),
        deadText: state.readLastLock(),
        remember: (text) => state.rememberLock(text),
        logger
      })
      await this.#guard.remember()
      if (wrapper.forkServer !== undefined) {
        this.#forkServer = await ForkServer.start(wrapper.forkServer, () => logger.warn('The fork server has exited; commands will start more slowly until the processor is restarted'))
      }
      // before the first look, so that nothing is missed between the two
      await this.#wakeUp.open()
      const context: RunContext = {
        directory: this.#directory,
        guard: this.#guard,
        lock: this.#lock,
        state,
        policy: this.#options.policy,
        logger,
        graceMs,
        heartbeatIntervalMs,
        wrapper,
        forkServer: this.#forkServer,
        logMaxBytes,
        cgroup,
        hurry: this.#hurry.signal,
        unsettled: this.#unsettled
      }
      const names = await this.#index.scan()
      const { begun, unbegun, unknown } = await recover(context, names, this.#index.withStatus('running'))
      for (const attempt of begun) this.#launch(context, candidateOf(attempt), (run) => run.adopt(attempt))
      for (const attempt of unbegun) {
        const task = candidateOf(attempt)
        this.#launch(context, task, (run) => run.takeBack(attempt).then(() => this.#index.refresh(task.id)))
      }
      for (const id of unknown) this.#launch(context, { id, type: '' }, (run) => run.giveUp())
      this.#context = context
    } catch (error) {
      await this.#release()
      throw asStartError(error)
    }
    this.#unwatchPolicy = this.#options.policy.watch?.(() => this.#publish())
    this.#publish()
    this.#pump()
    this.#looking = this.#lookUntilSettled()
  }

  /** Serialised, so that the latest policy is published last. */
  #publish (): void {
    const { policy, logger } = this.#options
    this.#isPublished = true
    this.#publishing = this.#publishing.then(async () => {
      const leftOut = await publishInfo(this.#directory, policy, { ...limitsOf(this.#options) })
      if (leftOut !== undefined) logger.warn(`The policy is too large to publish in full; omitted ${leftOut}`)
    }).catch((error) => {
      // a full disk: the next look tries again
      this.#isPublished = false
      this.#warnOnce('The policy can\'t be published', error)
    })
  }

  async #checkDirectory (): Promise<void> {
    try {
      await mkdir(this.#directory.path, { recursive: true })
      await access(this.#directory.path, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch (error) {
      throw new ProcessorStartError(`The directory ${this.#directory.path} can't be used: ${(error as Error).message}`)
    }
  }

  #onHint (id: string, kind: FileKind): void {
    const run = this.#pool.get(id)
    if (run === undefined && kind === 'json') this.#refresh(id)
    if (kind === 'json' || kind === 'cancel') run?.look()
  }

  async #refresh (id: string): Promise<void> {
    await this.#index.refresh(id)
    this.#pump()
  }

  /** Polls everything periodically; hints are only an optimisation. */
  async #lookUntilSettled (): Promise<void> {
    const { signal } = this.#settled
    while (await sleep(this.#options.pollIntervalMs, true, { signal }).catch(() => false)) {
      await this.#lookAtAll().catch((error) => this.#warnOnce('The directory', error))
    }
  }

  async #lookAtAll (): Promise<void> {
    await Promise.all(this.#pool.runs.map((run) => run.look()))
    for (const settle of [...this.#unsettled.values()]) await settle()
    if (!this.#isPublished) this.#publish()
    const began = performance.now()
    if (this.#stopping.signal.aborted || began < this.#nextScan) return
    const names = await this.#index.scan()
    const ended = performance.now()
    this.#nextScan = ended + SCAN_PAUSE * (ended - began)
    // before anything is started, which would count as running while it only tries
    await this.#leftovers.cleanUp(idsWith(['claim', 'cancel'], names).filter((id) => !this.#pool.has(id)))
    await this.#leftovers.removeTemporaryFiles(names)
    this.#pump()
    this.#sweeper.tick()
  }

  /** Starts what there is room for. A type without room holds up no other. */
  #pump (): void {
    while (this.#context !== undefined && !this.#stopping.signal.aborted && this.#pool.hasRoom) {
      const hasRoom = this.#pool.roomByType()
      const task = this.#index.oldest(({ id, type }) => !this.#pool.has(id) && hasRoom(type))
      if (task === undefined) return
      // drop it from the index: the next scan picks it up again if it could not be claimed
      this.#index.forget(task.id)
      this.#launch(withType(this.#context, task.type), task, (run) => run.run())
    }
  }

  #launch (context: RunContext, task: Candidate, work: (run: TaskRun) => Promise<void>): void {
    const run = new TaskRun(context, task.id, () => this.#pump())
    this.#pool.add(task, run, () => work(run))
    this.#wish?.(run)
  }

  #stepDown (): void {
    this.#lost = true
    this.#options.logger.warn('Lost the lock to another processor, or it was removed; no more tasks will be taken.')
    this.#stopping.abort()
    this.#close()
  }

  #close (): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #finish (): Promise<void> {
    await this.#starting?.catch(() => {})
    this.#unwatchPolicy?.()
    // until then, they are looked after
    await this.#pool.settled()
    this.#settled.abort()
    await this.#looking
    await this.#publishing
    await Promise.all([this.#sweeper.idle(), this.#state?.idle()])
    await this.#release()
    this.#tellEnded(this.#lost ? 'lost-lock' : 'stopped')
  }

  async #release (): Promise<void> {
    this.#forkServer?.close()
    await this.#wakeUp.close().catch((error) => this.#warnOnce('The FIFO', error))
    await this.#lock?.release().catch((error) => this.#warnOnce('The lock', error))
    this.#state?.close()
  }

  #warnOnce (what: string, error: unknown): void {
    const line = `${what}: ${(error as Error).message}`
    if (this.#warned.has(line)) return
    this.#warned.add(line)
    this.#options.logger.warn(line)
  }
}

function candidateOf ({ record: { header } }: Attempt): Candidate {
  return { id: header.id, type: countedTypeOf(header) }
}

/**
 * Guards against the type changing between indexing and claiming, as the other type may be at its concurrency limit;
 * the task then stays queued.
 */
function withType (context: RunContext, type: string): RunContext {
  const { policy } = context
  const plan: Policy['plan'] = (task) => {
    if (countedTypeOf(task) !== type) throw new Error('its type changed while it was being claimed; leaving it queued')
    return policy.plan(task)
  }
  return { ...context, policy: { plan } }
}
