/**
 * Counts changes that the system did not report: a scan found them, and no file event followed within a second. Node.js
 * does not report that the event queue of the system has overflowed.
 */
export class MissedChanges {
  readonly #onFirst: () => void
  /** Names reported by file events since the last scan started. */
  readonly #reported = new Set<string>()
  /** Names that a scan found changed, and that no file event has reported yet. */
  readonly #suspects = new Set<string>()
  #count = 0

  /** @param onFirst called once, for the first missed change */
  constructor (onFirst: () => void) {
    this.#onFirst = onFirst
  }

  get count (): number {
    return this.#count
  }

  startScan (): void {
    this.#reported.clear()
  }

  /** A file event reported this name. */
  addEvent (name: string): void {
    this.#reported.add(name)
    this.#suspects.delete(name)
  }

  /** Whether a file event has reported this name since the last scan started. */
  wasReported (name: string): boolean {
    return this.#reported.has(name)
  }

  /** A scan found a change of this name. */
  addFound (name: string): void {
    if (!this.#reported.has(name)) this.#suspects.add(name)
  }

  /** Counts the changes that were found before the last call and are still unreported. Call it once a second. */
  countOverdue (): void {
    if (this.#suspects.size === 0) return
    if (this.#count === 0) this.#onFirst()
    this.#count += this.#suspects.size
    this.#suspects.clear()
  }
}
