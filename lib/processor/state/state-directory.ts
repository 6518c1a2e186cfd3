import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readdirSync, readFileSync, realpathSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { syncDirectory } from '../../protocol/write-file.ts'
import { errorCode } from '../../util/error-code.ts'
import { FileEvents } from '../../util/file-events.ts'
import { isTaskId } from '../../shared/task-id.ts'
import { Attempt } from './attempt.ts'
import type { Logger } from '../logger.ts'
import type { RecordHeader } from './attempt-record.ts'
import { alreadyRunning, ProcessorStartError } from '../start-error.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

const LOCK_NAME = 'lock'

/**
 * Where processors keep what they must be able to trust, for all their tasks directories: the first folder of
 * `$STATE_DIRECTORY` (systemd), else `fastify-tasks` in the XDG state home.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function defaultStateRoot ({ STATE_DIRECTORY, XDG_STATE_HOME }: NodeJS.ProcessEnv = process.env): string {
  const [given] = (STATE_DIRECTORY ?? '').split(':')
  if (given) return given
  return join(XDG_STATE_HOME?.startsWith('/') ? XDG_STATE_HOME : join(homedir(), '.local/state'), 'fastify-tasks')
}

/**
 * A processor's own records about one tasks directory, in a folder that nobody else can write: a lock, and a record
 * for each task that it runs. What stands in the tasks directory is proof of nothing, since the web side writes there.
 */
export class StateDirectory {
  readonly path: string
  readonly #tasksDirectory: TasksDirectory
  readonly #attempts = new Map<string, Attempt>()
  /** Finished attempts whose final status has not been fsynced yet. */
  readonly #ended: Attempt[] = []
  #syncing: Promise<void> | undefined
  readonly #hints: FileEvents
  readonly #logger: Logger
  #lock: number | undefined

  private constructor (path: string, tasksDirectory: TasksDirectory, logger: Logger) {
    this.path = path
    this.#tasksDirectory = tasksDirectory
    this.#logger = logger
    this.#hints = new FileEvents((name) => this.#attempts.get(name ?? '')?.refresh(), (code) => {
      logger.warn(`Cannot watch the state directory (${code}); falling back to polling for exited commands`)
    })
  }

  /**
   * Opens the folder for that tasks directory, below `root`, and takes its lock.
   * @throws ProcessorStartError where others can write there, or another processor has it
   */
  static async open (root: string, tasksDirectory: TasksDirectory, logger: Logger): Promise<StateDirectory> {
    const state = new StateDirectory(await makePrivate(resolve(root), realpathSync(tasksDirectory.path)), tasksDirectory, logger)
    await state.#takeLock()
    state.#hints.attach(state.path)
    return state
  }

  /** What the lock in the tasks directory said that the last holder of this one put there; it is dead. */
  readLastLock (): string {
    return readFileSync(join(this.path, LOCK_NAME), 'utf8').split('\n').slice(1).join('\n')
  }

  /** To be called before that lock is put there. */
  rememberLock (text: string): void {
    ftruncateSync(this.#lock!)
    writeSync(this.#lock!, `${process.pid}\n${text}`, 0)
  }

  /** @param cgroup folder of the cgroup below which the command gets its own; undefined: none */
  createAttempt (fields: Omit<RecordHeader, 'version' | 'nonce' | 'cgroup'>, cgroup: string | undefined): Attempt {
    return this.#keep(Attempt.create(this.path, fields, cgroup))
  }

  /** The attempts that other processors left behind. What is no record of one is removed. */
  readAttempts (): Attempt[] {
    const attempts: Attempt[] = []
    for (const entry of readdirSync(this.path, { withFileTypes: true })) {
      const { name } = entry
      if (!isTaskId(name.split('.')[0])) continue
      if (!entry.isFile()) {
        this.#logger.warn(`${join(this.path, name)} is no record: it is not a regular file`)
        continue
      }
      const attempt = Attempt.read(this.path, name)
      if (attempt?.name === name) attempts.push(this.#keep(attempt))
      // truncated by a system crash, before anything was started
      else if (!readFileSync(join(this.path, name), 'latin1').includes('\n')) unlinkSync(join(this.path, name))
      else this.#logger.warn(`${join(this.path, name)} is not a record known to this version; ignoring it`)
    }
    return attempts
  }

  /** Call it when the task's end stands, or the attempt came to nothing. */
  forget (attempt: Attempt): void {
    this.#attempts.delete(attempt.name)
    attempt.remove()
  }

  /** The same, as soon as what stands in the tasks directory survives a crash of the machine. */
  forgetEnded (attempt: Attempt): void {
    this.#attempts.delete(attempt.name)
    attempt.noteEnded()
    this.#ended.push(attempt)
    this.#syncing ??= this.#removeEnded().finally(() => { this.#syncing = undefined })
  }

  /** Resolves when that is done. */
  async idle (): Promise<void> {
    await this.#syncing
  }

  /** Those that end during a sync share the next one. Where it fails, they wait for it, or for the next processor. */
  async #removeEnded (): Promise<void> {
    while (this.#ended.length > 0) {
      const ended = this.#ended.splice(0)
      try {
        await syncDirectory(this.#tasksDirectory)
        for (const attempt of ended) attempt.remove()
      } catch (error) {
        this.#logger.warn(`The records of ${ended.length} ended tasks are kept for now (${errorCode(error)})`)
        this.#ended.push(...ended)
        return
      }
    }
  }

  /** The next processor goes on with what is left. */
  close (): void {
    this.#hints.close()
    // the lock goes with its last descriptor, however this process ends
    if (this.#lock !== undefined) closeSync(this.#lock)
    this.#lock = undefined
  }

  #keep (attempt: Attempt): Attempt {
    this.#attempts.set(attempt.name, attempt)
    return attempt
  }

  /** Uses flock(2): the kernel releases it when this process exits, so it can never be stale. */
  async #takeLock (): Promise<void> {
    const path = join(this.path, LOCK_NAME)
    try {
      this.#lock = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
      if (!fstatSync(this.#lock).isFile()) throw new Error('it is not a regular file')
    } catch (error) {
      this.close()
      throw new ProcessorStartError(`${path} can't be used as a lock: ${(error as Error).message}`)
    }
    // the lock belongs to the shared open file description and so outlives the `flock` process
    const flock = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', this.#lock] })
    const [code] = await once(flock, 'exit').catch((error: Error) => {
      this.close()
      throw new ProcessorStartError(errorCode(error) === 'ENOENT'
        ? 'The program `flock` is missing; it comes with util-linux and with BusyBox.'
        : `The program \`flock\` can't be run: ${error.message}`)
    })
    if (code === 0) return
    const holder = readFileSync(path, 'utf8')
    this.close()
    throw alreadyRunning(holder)
  }
}

/** @returns the folder for these tasks, which nobody else can write */
async function makePrivate (root: string, tasks: string): Promise<string> {
  try {
    await mkdir(root, { recursive: true, mode: 0o700 })
    const real = realpathSync(root)
    if (`${real}/`.startsWith(`${tasks}/`)) throw new ProcessorStartError(`The state directory ${root} must be outside the tasks directory.`)
    demandOwn(real, 0o022)
    // by the real path, so that all ways to a directory lead to one
    const path = join(real, createHash('sha256').update(tasks).digest('hex').slice(0, 32))
    await mkdir(path, { mode: 0o700, recursive: true })
    demandOwn(path, 0o077)
    return path
  } catch (error) {
    if (error instanceof ProcessorStartError) throw error
    throw new ProcessorStartError(`The state directory ${root} can't be used: ${(error as Error).message}. Name another one with --state-dir.`)
  }
}

function demandOwn (path: string, forbidden: number): void {
  const { mode, uid } = statSync(path)
  const own = uid === process.geteuid!() && (mode & forbidden) === 0
  if (!own) {
    throw new ProcessorStartError(`The state directory ${path} must belong to this user, and nobody else may ${forbidden === 0o022 ? 'write' : 'use'} it ` +
      `(its mode is ${(mode & 0o777).toString(8)}, its owner ${uid}).`)
  }
}
