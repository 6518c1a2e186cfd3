import { SingleFlight } from '../../util/single-flight.ts'

/** Calls a function periodically, never twice at a time. Errors are ignored: the next beat tries again. */
export class Heartbeat {
  readonly #beats = new SingleFlight()
  readonly #timer: NodeJS.Timeout

  constructor (intervalMs: number, beat: () => Promise<void>) {
    this.#timer = setInterval(() => { this.#beats.run(beat).catch(() => {}) }, intervalMs)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  /** Resolves when no beat is in progress. */
  async idle (): Promise<void> {
    await this.#beats.idle()
  }
}
