/** How long output may keep arriving from a process outside the group, in ms. */
const MAX_DRAIN_MS = 5_000
const CHECK_INTERVAL_MS = 500
/** How long a wrapper may take to write the output that it holds, in ms: its disk may be slow. */
export const MAX_FINISH_MS = 30_000

/** What to do with the wrapper of a command whose processes have exited: wait, ask it to finish, or kill it. */
export type DrainAction = 'wait' | 'finish' | 'kill'

export interface DrainState {
  /** By the monotonic clock, in ms. */
  readonly now: number
  /** Whether the wrapper is waiting because the disk is full. */
  readonly isDiskFull: boolean
  /** Whether the processor must exit now. */
  readonly isHurried: boolean
  /** Whether the wrapper can finish at a signal, after writing the output that is in the pipe. */
  readonly finishesOnSignal: boolean
  /** The size of the log, in bytes; called at most every 500 ms. */
  readonly logSize: () => number
  /** Whether all processes of the wrapper are sleeping. */
  readonly isIdle: () => boolean
}

/**
 * Decides how long to wait for output after a command's processes have exited. The pipe can be kept open by a process
 * outside the group, possibly forever, or by a slow disk.
 */
export class OutputDrain {
  #since: number
  #checkedAt: number
  #size = -1

  /** @param now by the monotonic clock, in ms */
  constructor (now: number) {
    this.#since = now
    this.#checkedAt = now
  }

  next ({ now, isDiskFull, isHurried, finishesOnSignal, logSize, isIdle }: DrainState): DrainAction {
    if (isDiskFull && !isHurried) {
      this.#since = now
      return 'wait'
    }
    if (now - this.#checkedAt < CHECK_INTERVAL_MS) return 'wait'
    this.#checkedAt = now
    const previous = this.#size
    this.#size = logSize()
    const drainingMs = now - this.#since
    if (this.#size !== previous && drainingMs <= MAX_DRAIN_MS) return 'wait'
    if (drainingMs > MAX_FINISH_MS || isHurried) return 'kill'
    if (finishesOnSignal) return 'finish'
    return isIdle() ? 'kill' : 'wait'
  }
}
