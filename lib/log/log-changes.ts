import type { LogListener } from './shared-log.ts'
import type { SharedOutput } from './shared-output.ts'

/** Characters of output that are kept for a follower that is busy. Beyond that, it reads the log instead. */
const MAX_KEPT_LENGTH = 256 * 1024

/** What has happened since the previous call of `take`. */
export interface TakenChanges {
  /** The task itself has changed, or may have. */
  readonly isTaskChanged: boolean
  /** New output, if it is all that has changed of the log. */
  readonly output: readonly SharedOutput[]
  /** Byte offset up to which the log has changed otherwise; `Infinity` if it is unknown. Undefined: it has not. */
  readonly end: number | undefined
}

/** The changes of one log that its follower has not handled yet, in bounded memory. At first, everything may have changed. */
export class LogChanges implements LogListener {
  readonly #onTruncation: () => void
  #isTaskChanged = true
  #output: SharedOutput[] = []
  #outputLength = 0
  #end: number | undefined = Infinity
  #isNotified = true
  #wake: () => void = () => {}

  /** @param onTruncation called immediately when the log is truncated */
  constructor (onTruncation: () => void) {
    this.#onTruncation = onTruncation
  }

  addOutput (output: SharedOutput): void {
    this.#outputLength += output.length
    if (this.#end === undefined && this.#outputLength <= MAX_KEPT_LENGTH) this.#output.push(output)
    else this.#forgetOutput(output.end)
    this.notify()
  }

  addChange (end: number, { isTruncated }: { readonly isTruncated: boolean }): void {
    if (isTruncated) this.#onTruncation()
    this.#forgetOutput(end)
    this.notify()
  }

  addTaskChange (): void {
    this.#isTaskChanged = true
    this.notify()
  }

  /** The log must be read again. */
  readAgain (): void {
    this.#forgetOutput(Infinity)
    this.notify()
  }

  /** Ends the wait. */
  notify (): void {
    this.#isNotified = true
    this.#wake()
  }

  take (): TakenChanges {
    const taken = { isTaskChanged: this.#isTaskChanged, output: this.#output, end: this.#end }
    this.#isTaskChanged = false
    this.#isNotified = false
    this.#output = []
    this.#outputLength = 0
    this.#end = undefined
    return taken
  }

  /** Resolves when there are changes to take. */
  async wait (): Promise<void> {
    if (!this.#isNotified) await new Promise<void>((resolve) => { this.#wake = resolve })
  }

  /** From now on, the log must be read up to `end`. */
  #forgetOutput (end: number): void {
    this.#output = []
    if (this.#end !== Infinity) this.#end = end
  }
}
