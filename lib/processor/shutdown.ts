import { checkNames } from './options.ts'
import type { TaskRun } from './run/task-run.ts'

export interface StopOptions {
  /** Kills the running commands without a grace period, also after an earlier call. Default: false. */
  now?: boolean
  /** Leaves the commands running: the next processor adopts them. Default: false. */
  leave?: boolean
}

/** Requests to stop a processor, and what they mean for its runs. */
export class Shutdown {
  readonly #graceMs: number
  readonly #stopping = new AbortController()
  readonly #hurry = new AbortController()
  #stopRun: ((run: TaskRun) => void) | undefined

  constructor (graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Aborted by the first request, or when the processor has lost its lock. */
  get stopping (): AbortSignal {
    return this.#stopping.signal
  }

  /** Aborted by a request that does not wait: writes that fail are not retried, and unknown exit codes not awaited. */
  get hurry (): AbortSignal {
    return this.#hurry.signal
  }

  /** @throws TypeError if an option is unknown, so that a wrong name does not terminate what should keep running */
  request (options: StopOptions): void {
    checkNames('', options, ['now', 'leave'])
    const { now = false, leave = false } = options
    this.#stopping.abort()
    if (now || leave) this.#hurry.abort()
    this.#stopRun = (run) => leave ? run.leave() : run.stop('processor-stopped', now ? 0 : this.#graceMs)
  }

  /** The lock is lost: no more tasks are claimed, and the running commands finish. */
  stepDown (): void {
    this.#stopping.abort()
  }

  /** Stops a run as requested last; also for runs that start or are adopted after the request. */
  applyTo (run: TaskRun): void {
    this.#stopRun?.(run)
  }
}
