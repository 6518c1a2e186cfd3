import { MAX_TIMER_MS } from '../util/timers.ts'
import { TasksError } from './errors.ts'

export interface BackoffOptions {
  /**
   * Before the first new attempt, in ms.
   * @default what the server asks for (1 to 3 s), else 1000
   */
  readonly minDelayMs?: number | undefined
  /**
   * Between attempts at most, in ms; it doubles until then.
   * @default 30000
   */
  readonly maxDelayMs?: number | undefined
}

/** Exponential backoff with jitter. */
export class Backoff {
  /** What the server asked for, in ms. */
  retryMs: number | undefined
  readonly #minDelayMs: number | undefined
  readonly maxDelayMs: number
  #failures = 0

  constructor ({ minDelayMs, maxDelayMs = 30_000 }: BackoffOptions) {
    this.#minDelayMs = minDelayMs
    this.maxDelayMs = maxDelayMs
  }

  /** It worked: the next failure is a first one. */
  reset (): void {
    this.#failures = 0
  }

  next (error?: unknown): number {
    const least = this.#minDelayMs ?? this.retryMs ?? 1000
    const delay = Math.min(this.maxDelayMs, least * 2 ** this.#failures++)
    const asked = error instanceof TasksError ? error.retryAfterMs ?? 0 : 0
    return Math.min(MAX_TIMER_MS, Math.max(asked, delay * (1 + Math.random()) / 2))
  }
}

/** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
export async function delay (ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
