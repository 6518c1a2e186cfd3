/** Time during which further errors of a kind are only counted, in ms. */
const INTERVAL_MS = 60_000

/** Fastify's logger and pino have it. */
export interface ErrorLogger {
  error (details: object, message: string): void
}

interface Kind {
  readonly loggedAt: number
  readonly unlogged: number
}

/** Logs the errors of callbacks that may fail for each of many events: one error of each kind a minute; others are counted. */
export class RepeatedErrors {
  readonly #log: ErrorLogger
  readonly #now: () => number
  readonly #kinds = new Map<string, Kind>()

  /**
   * @param log must not throw
   * @param now in ms
   */
  constructor (log: ErrorLogger, now = () => performance.now()) {
    this.#log = log
    this.#now = now
  }

  /** @param what the message, which is the kind: one of few texts */
  report (what: string, error: unknown): void {
    const now = this.#now()
    const { loggedAt, unlogged } = this.#kinds.get(what) ?? { loggedAt: -Infinity, unlogged: 0 }
    const isDue = now - loggedAt >= INTERVAL_MS
    this.#kinds.set(what, isDue ? { loggedAt: now, unlogged: 0 } : { loggedAt, unlogged: unlogged + 1 })
    if (isDue) this.#log.error({ err: error, unlogged }, `fastify-tasks: ${what}`)
  }
}
