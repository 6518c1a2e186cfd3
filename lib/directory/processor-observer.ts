import type { BigIntStats } from 'node:fs'
import { isStale, LOCK_NAME, MAX_LOCK_BYTES, parseLock } from '../protocol/lock-file.ts'
import { ifExists, readText } from '../protocol/regular-file.ts'
import type { TasksDirectory } from '../protocol/tasks-directory.ts'

/** `stale`: the lock exists, but its heartbeat has stopped. `unreadable`: the lock file exists and cannot be read. */
export type ProcessorState = 'alive' | 'no-lock' | 'stale' | 'unreadable'

/** Observes whether a processor is alive, by its lock file. */
export class ProcessorObserver {
  readonly #directory: TasksDirectory
  #state: ProcessorState = 'no-lock'
  /** The inode and mtime of the lock, and since when they are unchanged, on the monotonic clock. */
  #lock: { stamp: string, unchangedSince: number } | undefined

  constructor (directory: TasksDirectory) {
    this.#directory = directory
  }

  /** As of the last call of `observe`. */
  get state (): ProcessorState {
    return this.#state
  }

  get isAlive (): boolean {
    return this.#state === 'alive'
  }

  /** Reads the lock file. Call it about once a second, because only a series of observations shows that the heartbeat has stopped. */
  async observe (): Promise<void> {
    try {
      const lock = await ifExists(readText(this.#directory, LOCK_NAME, MAX_LOCK_BYTES))
      if (lock === undefined) this.#state = 'no-lock'
      else this.#state = isStale(parseLock(lock.text), this.#unchangedMs(lock.stats)) ? 'stale' : 'alive'
    } catch {
      this.#state = 'unreadable'
    }
  }

  /** How long the mtime of the lock has been unchanged, in ms. */
  #unchangedMs ({ ino, mtimeNs }: BigIntStats): number {
    const stamp = `${ino}:${mtimeNs}`
    if (stamp !== this.#lock?.stamp) {
      // on the first observation only wall clocks can be compared; afterwards, whether the mtime changes
      const age = this.#lock === undefined ? Math.max(0, Date.now() - Number(mtimeNs / 1_000_000n)) : 0
      this.#lock = { stamp, unchangedSince: performance.now() - age }
    }
    return performance.now() - this.#lock.unchangedSince
  }
}
