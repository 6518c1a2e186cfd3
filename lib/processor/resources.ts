import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import type { TasksDirectory } from '../protocol/tasks-directory.ts'
import { ForkServer } from './command/fork-server.ts'
import { chooseWrapper, type Wrapper } from './command/wrapper.ts'
import type { Logger } from './logger.ts'
import type { ResolvedOptions } from './options.ts'
import { requireLinux, requireOwnProc } from './os/platform.ts'
import { prepareCgroups } from './os/task-cgroup.ts'
import { Hints, type OnHint } from './queue/hints.ts'
import { ProcessorStartError } from './start-error.ts'
import { ProcessorLock } from './state/processor-lock.ts'
import { StateDirectory } from './state/state-directory.ts'
import type { WarnOnce } from './warn-once.ts'

export interface LockRequest {
  /** Aborts the waiting for a stale lock. */
  readonly signal: AbortSignal
  readonly onLost: () => void
}

/** What a processor acquires at its start and releases at its end, in the order of the methods. */
export class Resources {
  readonly wrapper: Wrapper
  readonly state: StateDirectory
  /** Folder of the cgroup below which each command gets its own; undefined: none does. */
  readonly cgroup: string | undefined
  readonly #directory: TasksDirectory
  readonly #logger: Logger
  readonly #warnings: WarnOnce
  #forkServer: ForkServer | undefined
  #lock: ProcessorLock | undefined
  #hints: Hints | undefined

  private constructor (directory: TasksDirectory, { wrapper, state, cgroup }: Pick<Resources, 'wrapper' | 'state' | 'cgroup'>, logger: Logger, warnings: WarnOnce) {
    this.wrapper = wrapper
    this.state = state
    this.cgroup = cgroup
    this.#directory = directory
    this.#logger = logger
    this.#warnings = warnings
  }

  /** @throws ProcessorStartError if the system, the tasks directory or the state directory cannot be used */
  static async open (directory: TasksDirectory, { cgroups, logger, stateDir }: ResolvedOptions, warnings: WarnOnce): Promise<Resources> {
    requireLinux()
    requireOwnProc()
    await requireDirectory(directory.path)
    const cgroup = cgroups ? prepareCgroups() : undefined
    const [wrapper, state] = await Promise.all([chooseWrapper(), StateDirectory.open(stateDir, directory, logger)])
    if (!wrapper.waitsForDisk) logger.warn('Perl is not installed: when the disk fills up, commands writing to it are terminated instead of blocked')
    return new Resources(directory, { wrapper, state, cgroup }, logger, warnings)
  }

  /** @throws ProcessorStartError if another processor is running in the tasks directory */
  async acquireLock (staleAfterMs: number, { signal, onLost }: LockRequest): Promise<ProcessorLock> {
    const { state } = this
    this.#lock = await ProcessorLock.acquire(this.#directory, {
      staleAfterMs,
      signal,
      onLost,
      deadText: state.readLastLock(),
      remember: (text) => state.rememberLock(text),
      logger: this.#logger
    })
    return this.#lock
  }

  /** @returns undefined if there is no Perl; commands are then spawned one by one */
  async startForkServer (): Promise<ForkServer | undefined> {
    const command = this.wrapper.forkServer
    if (command === undefined) return undefined
    this.#forkServer = await ForkServer.start(command, () => {
      this.#logger.warn('The fork server has exited; commands will start more slowly until the processor is restarted')
    })
    return this.#forkServer
  }

  async openHints (onHint: OnHint): Promise<void> {
    this.#hints = new Hints(this.#directory, onHint, this.#logger)
    await this.#hints.open()
  }

  /** Releases everything that was acquired. Errors are logged. */
  async release (): Promise<void> {
    this.#forkServer?.close()
    await this.#hints?.close().catch((error) => this.#warnings.warn('The FIFO cannot be removed', error))
    await this.#lock?.release().catch((error) => this.#warnings.warn('The lock cannot be released', error))
    this.state.close()
  }
}

/** @throws ProcessorStartError */
async function requireDirectory (path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new ProcessorStartError(`The directory ${path} cannot be used: ${(error as Error).message}`)
  }
}
