/** Runs a function at most once at a time: calls during a run share its promise. */
export class SingleFlight<T = void> {
  #current: Promise<T> | undefined

  /**
   * Starts `work`, or returns the promise of the run in progress. The promise rejects with the error of `work`, whether
   * `work` throws or rejects; the next call then starts a new run.
   */
  run (work: () => Promise<T>): Promise<T> {
    if (this.#current !== undefined) return this.#current
    let hasEnded = false
    const current = (async () => {
      try {
        return await work()
      } finally {
        hasEnded = true
        this.#current = undefined
      }
    })()
    // `work` may throw before it returns a promise
    if (!hasEnded) this.#current = current
    return current
  }

  get isRunning (): boolean {
    return this.#current !== undefined
  }

  /** Resolves when the run in progress has ended, if there is one. It never rejects: errors belong to the callers of `run`. */
  async idle (): Promise<void> {
    await this.#current?.then(() => {}, () => {})
  }
}

/**
 * Runs a function, and runs it again if it was requested during a run, which may have started too early to see the reason
 * for the request. Any number of requests during a run lead to one further run.
 */
export class Rerunner {
  readonly #work: () => Promise<void>
  #current: Promise<void> | undefined
  #isRequested = false

  /** @param work must not reject */
  constructor (work: () => Promise<void>) {
    this.#work = work
  }

  /** Resolves when a run that started after this call has ended. */
  request (): Promise<void> {
    this.#isRequested = true
    this.#current ??= this.#loop()
    return this.#current
  }

  /** Resolves when no run is in progress or requested. */
  async idle (): Promise<void> {
    await this.#current
  }

  async #loop (): Promise<void> {
    while (this.#isRequested) {
      this.#isRequested = false
      await this.#work()
    }
    // in the same step as the last check of `#isRequested`, so that no request is lost in between
    this.#current = undefined
  }
}
