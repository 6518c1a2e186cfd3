import type { Logger } from './logger.ts'

/** Logs each error only once, because what fails is retried often. */
export class WarnOnce {
  readonly #logger: Logger
  readonly #lines = new Set<string>()

  constructor (logger: Logger) {
    this.#logger = logger
  }

  /** @param subject what failed: the start of the line */
  warn (subject: string, error: unknown): void {
    const line = `${subject}: ${error instanceof Error ? error.message : String(error)}`
    if (this.#lines.has(line)) return
    this.#lines.add(line)
    this.#logger.warn(line)
  }
}
