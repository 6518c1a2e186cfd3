import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenFile } from '../../protocol/file-system.ts'
import { formatLock, isStale, LOCK_NAME, MAX_LOCK_BYTES, parseLock } from '../../protocol/lock-file.ts'
import { openRegular, readText, UnreadableFile } from '../../protocol/regular-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { createExclusive, removeFile } from '../../protocol/write-file.ts'
import { errorCode } from '../../util/error-code.ts'
import type { Logger } from '../logger.ts'
import { alreadyRunning, ProcessorStartError } from '../start-error.ts'

const HEARTBEAT_INTERVAL_MS = 2_000
/** Do not touch the lock more often than this: every touch wakes all directory watchers. */
const MIN_TOUCH_INTERVAL_MS = 500
/** How often a lock is read while waiting until it is stale, as a fraction of that time. */
const READS_UNTIL_STALE = 20

export interface LockOptions {
  /** How long the lock's mtime must be unchanged, by this process's clock, before its holder counts as dead, in ms. */
  staleAfterMs: number
  /** Aborts the wait for a stale lock. */
  signal: AbortSignal
  /** Called once when the lock is lost; no more tasks may be claimed. */
  onLost: () => void
  /** The lock of a processor that is known (from the state directory) to be dead; empty if there is none. */
  deadText: string
  /** Called with the content of this processor's lock before the lock exists. */
  remember: (text: string) => void
  logger: Logger
}

interface LockSnapshot {
  readonly text: string
  readonly mtimeNs: bigint
}

/**
 * The right to claim tasks of a directory, held by one processor at a time. Its holder touches the file every 2 s, which
 * other containers can observe too; a pid means nothing there.
 */
export class ProcessorLock {
  readonly #directory: TasksDirectory
  readonly #text = formatLock(process.pid, randomBytes(16).toString('hex'))
  readonly #onLost: () => void
  #phase: 'acquiring' | 'held' | 'lost' | 'released' = 'acquiring'
  #heartbeat: NodeJS.Timeout | undefined
  #touchedAt = -Infinity

  private constructor (directory: TasksDirectory, onLost: () => void) {
    this.#directory = directory
    this.#onLost = onLost
  }

  /**
   * Acquires the lock, waiting until the lock of a dead processor is stale.
   * @throws ProcessorStartError if another processor is running, or may be running
   */
  static async acquire (directory: TasksDirectory, options: LockOptions): Promise<ProcessorLock> {
    const lock = new ProcessorLock(directory, options.onLost)
    const { deadText } = options
    // no other processor can hold it: this one holds the lock of the state directory
    if (deadText !== '' && (await lock.#read())?.text === deadText) await removeFile(directory, LOCK_NAME)
    // only after that: if this process died in between, its successor could not identify the lock's owner
    options.remember(lock.#text)
    while (!await lock.#create() && !await lock.#takeOver(options));
    lock.#phase = 'held'
    lock.#heartbeat = setInterval(() => { lock.isHeld().catch(() => {}) }, HEARTBEAT_INTERVAL_MS)
    return lock
  }

  /**
   * Whether this processor still holds the lock. If so, it touches the lock when that is due.
   * @throws the system's error if the lock cannot be read now
   */
  async isHeld (): Promise<boolean> {
    if (this.#phase === 'lost' || this.#phase === 'released') return false
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
      // the directory was renamed, maybe for a short time: then no other processor can have acquired the lock
      if (!existsSync(this.#directory.path)) throw error
    }
    this.#lose()
    return false
  }

  /** Deletes the lock if this processor still holds it. */
  async release (): Promise<void> {
    clearInterval(this.#heartbeat)
    const wasLost = this.#phase === 'lost'
    this.#phase = 'released'
    if (!wasLost && (await this.#read())?.text === this.#text) await removeFile(this.#directory, LOCK_NAME)
  }

  get #path (): string {
    return join(this.#directory.path, LOCK_NAME)
  }

  /** @returns false if the lock exists already */
  async #create (): Promise<boolean> {
    return await createExclusive(this.#directory, LOCK_NAME, this.#text, { sync: false })
  }

  /**
   * Replaces the existing lock when it is stale.
   * @returns false if the lock was released meanwhile, or another processor created it first
   * @throws ProcessorStartError if another processor is running
   */
  async #takeOver (options: LockOptions): Promise<boolean> {
    const stale = await this.#waitUntilStale(options)
    if (stale === undefined) return false
    // another processor may have waited for the same moment: remove only the lock that was seen
    if (isSame(await this.#read(), stale)) await removeFile(this.#directory, LOCK_NAME)
    if (!await this.#create()) return false
    // if this removed a new lock after all, its owner notices; if another processor removed this one, it is not held
    await sleep(options.staleAfterMs / READS_UNTIL_STALE, undefined, { signal: options.signal })
    if (await this.isHeld()) return true
    throw alreadyRunning((await this.#read())?.text ?? '')
  }

  /** @returns the stale lock; undefined if it was released meanwhile */
  async #waitUntilStale ({ staleAfterMs, signal, logger }: LockOptions): Promise<LockSnapshot | undefined> {
    const first = await this.#read()
    if (first === undefined) return undefined
    const holder = parseLock(first.text)
    if (holder.heartbeat === undefined) {
      throw new ProcessorStartError(`An older processor, which gives no heartbeat, holds ${this.#path}. ` +
        'If it no longer runs, remove that file and start again.')
    }
    logger.info(`Process ${holder.pid ?? 'unknown'} holds the directory's lock: waiting ${staleAfterMs} ms to see whether it is running`)
    const since = performance.now()
    while (!isStale(holder, performance.now() - since, staleAfterMs)) {
      await sleep(staleAfterMs / READS_UNTIL_STALE, undefined, { signal })
      const current = await this.#read()
      if (current === undefined) return undefined
      if (!isSame(current, first)) throw alreadyRunning(current.text)
    }
    return first
  }

  async #touch (handle: Pick<OpenFile, 'utimes'>): Promise<void> {
    // measured by the monotonic clock: the system clock may be set back
    if (performance.now() - this.#touchedAt < MIN_TOUCH_INTERVAL_MS) return
    const now = new Date()
    await handle.utimes(now, now)
    this.#touchedAt = performance.now()
  }

  #lose (): void {
    if (this.#phase === 'lost' || this.#phase === 'released') return
    this.#phase = 'lost'
    clearInterval(this.#heartbeat)
    this.#onLost()
  }

  /** @returns undefined if there is no lock */
  async #read (): Promise<LockSnapshot | undefined> {
    try {
      const { text, stats } = await readText(this.#directory, LOCK_NAME, MAX_LOCK_BYTES)
      return { text, mtimeNs: stats.mtimeNs }
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      if (!(error instanceof UnreadableFile)) throw error
      throw new ProcessorStartError(`${this.#path} cannot be used as a lock: ${error.message}. Remove it and start again.`)
    }
  }
}

function isSame (one: LockSnapshot | undefined, other: LockSnapshot): boolean {
  return one?.text === other.text && one.mtimeNs === other.mtimeNs
}
