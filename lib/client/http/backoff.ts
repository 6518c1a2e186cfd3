import { MAX_TIMER_MS } from '../../util/timers.ts'
import { TasksError } from '../errors.ts'
import type { TasksClientOptions } from './options.ts'

const DEFAULT_MIN_DELAY_MS = 1000
const DEFAULT_MAX_DELAY_MS = 30_000

/** Exponential backoff with jitter: computes the delay before each retry. */
export class Backoff {
  readonly maxDelayMs: number
  readonly #minDelayMs: number | undefined
  #suggestedDelayMs: number | undefined
  #failures = 0

  constructor ({ minDelayMs, maxDelayMs = DEFAULT_MAX_DELAY_MS }: Pick<TasksClientOptions, 'minDelayMs' | 'maxDelayMs'>) {
    this.#minDelayMs = minDelayMs
    this.maxDelayMs = maxDelayMs
  }

  /** Applies the server's delay (`retry` in an event stream), unless the caller configured `minDelayMs`. */
  suggest (delayMs: number): void {
    this.#suggestedDelayMs = delayMs
  }

  /** Starts again with the shortest delay, after a success. */
  reset (): void {
    this.#failures = 0
  }

  /** Delay before the next attempt, in ms: at least the `Retry-After` of the error, even beyond `maxDelayMs`. */
  next (error?: unknown): number {
    const minDelayMs = this.#minDelayMs ?? this.#suggestedDelayMs ?? DEFAULT_MIN_DELAY_MS
    const delayMs = Math.min(this.maxDelayMs, minDelayMs * 2 ** this.#failures++)
    const retryAfterMs = error instanceof TasksError ? error.retryAfterMs ?? 0 : 0
    return Math.min(MAX_TIMER_MS, Math.max(retryAfterMs, delayMs * (1 + Math.random()) / 2))
  }
}
