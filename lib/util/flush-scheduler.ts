/** Maximum delay of a flush, in ms. */
const MAX_WAIT_MS = 5

/**
 * Schedules flushes so that events which arrive together are sent together: immediately when the process is idle; when it
 * is busy, after a pause as long as the last flush took.
 */
export class FlushScheduler {
  readonly #flush: () => void
  /** Cancels the scheduled flush with the matching function: `clearImmediate` corrupts its queue if it is given a Timeout. */
  #cancel: (() => void) | undefined
  /** Time of `performance.now()` at which the next flush may run. */
  #idleAt = 0

  constructor (flush: () => void) {
    this.#flush = flush
  }

  schedule (): void {
    this.#cancel ??= callAfter(() => this.#flush(), this.#idleAt - performance.now())
  }

  cancel (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** @param startedAt time of `performance.now()` at which a flush started that has now written everything */
  recordFlush (startedAt: number): void {
    // Node.js passes the bytes to the sockets after the current operation, which is most of the cost of a flush
    process.nextTick(() => {
      const endedAt = performance.now()
      this.#idleAt = endedAt + Math.min(endedAt - startedAt, MAX_WAIT_MS)
    })
  }
}

/** Calls after a delay, or in the next turn of the event loop. @returns cancels the call */
function callAfter (call: () => void, ms: number): () => void {
  if (ms > 0) {
    const timeout = setTimeout(call, ms)
    return () => clearTimeout(timeout)
  }
  const immediate = setImmediate(call)
  return () => clearImmediate(immediate)
}
