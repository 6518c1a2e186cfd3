import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOCK_NAME, MAX_LOCK_BYTES } from '../../protocol/lock-file.ts'
import { openRegular, readText, UnreadableFile } from '../../protocol/regular-file.ts'
import { createExclusive, removeFile } from '../../protocol/write-file.ts'
import { errorCode } from '../../util/error-code.ts'
import type { Logger } from '../logger.ts'
import { alreadyRunning, ProcessorStartError } from '../start-error.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import type { OpenFile } from '../../protocol/file-system.ts'
import { formatLock, parseLock } from '../../protocol/lock-file.ts'

const TOUCH_EVERY_MS = 2_000
/** Do not touch the lock more often than this: every touch wakes all directory watchers. */
const FRESH_MS = 500

export interface LockOptions {
  /** How long the lock's mtime must stand still, by this process's clock, before its holder counts as dead, in ms. */
  staleAfterMs: number
  /** Stops the waiting for that. */
  signal: AbortSignal
  /** Called once when the lock is lost; no more tasks may be claimed. */
  onLost: () => void
  /** Lock content of a holder known (from the state directory) to be dead. */
  deadText: string
  /** Told what this one's lock will say, before it is there. */
  remember: (text: string) => void
  logger: Logger
}

interface SeenLock {
  readonly text: string
  readonly mtimeNs: bigint
}

/**
 * The right to take tasks of a directory, held by one processor at a time. Its holder touches the file every 2 s,
 * which can be seen across a container's wall, where a pid says nothing.
 */
export class ProcessorLock {
  readonly #directory: TasksDirectory
  readonly #text: string
  readonly #onLost: () => void
  #timer: NodeJS.Timeout | undefined
  #touchedAt = -Infinity
  #lost = false

  private constructor (directory: TasksDirectory, onLost: () => void) {
    this.#directory = directory
    this.#text = formatLock(process.pid, randomBytes(16).toString('hex'))
    this.#onLost = onLost
  }

  get #path (): string {
    return join(this.#directory.path, LOCK_NAME)
  }

  /**
   * Takes the lock, if need be after having seen that its holder is dead.
   * @throws ProcessorStartError where another processor lives, or may live
   */
  static async acquire (directory: TasksDirectory, options: LockOptions): Promise<ProcessorLock> {
    const { staleAfterMs, signal } = options
    const lock = new ProcessorLock(directory, options.onLost)
    const { deadText } = options
    // another one with the same state directory can't be here
    if (deadText !== '' && (await lock.#see())?.text === deadText) await removeFile(directory, LOCK_NAME)
    // only after that: if this process died in between, its successor could not identify the lock's owner
    options.remember(lock.#text)
    while (!await createExclusive(directory, LOCK_NAME, lock.#text, { sync: false })) {
      const stale = await lock.#waitUntilStale(options)
      if (stale === undefined) continue
      // Somebody else may have waited for the same moment: only the lock that was seen is removed.
      if (isSame(await lock.#see(), stale)) await removeFile(directory, LOCK_NAME)
      // if we removed a fresh lock after all, we own it now and its former owner notices
      if (await createExclusive(directory, LOCK_NAME, lock.#text, { sync: false })) {
        await sleep(staleAfterMs / 20, undefined, { signal })
        if (await lock.isHeld()) break
        throw alreadyRunning((await lock.#see())?.text ?? '')
      }
    }
    lock.#timer = setInterval(() => { lock.isHeld().catch(() => {}) }, TOUCH_EVERY_MS)
    return lock
  }

  /**
   * Checks whether the lock is still this one's, and touches it now and then.
   * @throws the system's error where that can't be seen now
   */
  async isHeld (): Promise<boolean> {
    if (this.#lost) return false
    try {
      const { handle, stats } = await openRegular(this.#directory.fs, this.#path)
      try {
        if (stats.size <= MAX_LOCK_BYTES && await handle.readFile('utf8') === this.#text) {
          await this.#touch(handle)
          return true
        }
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && !(error instanceof UnreadableFile)) throw error
      // renamed away, and perhaps back soon: then nobody else can have it
      if (!existsSync(this.#directory.path)) throw error
    }
    this.#lose()
    return false
  }

  async #touch (handle: Pick<OpenFile, 'utimes'>): Promise<void> {
    // by the monotonic clock: the other may be set back
    if (performance.now() - this.#touchedAt < FRESH_MS) return
    const now = new Date()
    await handle.utimes(now, now)
    this.#touchedAt = performance.now()
  }

  /** Removes it if it is still this one's. */
  async release (): Promise<void> {
    clearInterval(this.#timer)
    if (!this.#lost && (await this.#see())?.text === this.#text) await removeFile(this.#directory, LOCK_NAME)
  }

  #lose (): void {
    if (this.#lost) return
    this.#lost = true
    clearInterval(this.#timer)
    this.#onLost()
  }

  /** @returns the stale lock; undefined: it is gone */
  async #waitUntilStale ({ staleAfterMs, signal, logger }: LockOptions): Promise<SeenLock | undefined> {
    const first = await this.#see()
    if (first === undefined) return undefined
    if (parseLock(first.text).heartbeat === undefined) {
      throw new ProcessorStartError(`An older processor, which gives no heartbeat, holds ${this.#path}. ` +
        'If it no longer runs, remove that file and start again.')
    }
    logger.info(`Process ${parseInt(first.text, 10)} holds the directory's lock: waiting ${staleAfterMs} ms to see whether it lives`)
    const since = performance.now()
    while (performance.now() - since < staleAfterMs) {
      await sleep(staleAfterMs / 20, undefined, { signal })
      const now = await this.#see()
      if (now === undefined) return undefined
      if (!isSame(now, first)) throw alreadyRunning(now.text)
    }
    return first
  }

  /** Undefined: there is none. */
  async #see (): Promise<SeenLock | undefined> {
    try {
      const { text, stats } = await readText(this.#directory, LOCK_NAME, MAX_LOCK_BYTES)
      return { text, mtimeNs: stats.mtimeNs }
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      if (!(error instanceof UnreadableFile)) throw error
      throw new ProcessorStartError(`${this.#path} can't be used as a lock: ${error.message}. Remove it and start again.`)
    }
  }
}

function isSame (one: SeenLock | undefined, other: SeenLock): boolean {
  return one?.text === other.text && one.mtimeNs === other.mtimeNs
}
