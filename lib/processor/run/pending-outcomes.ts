import type { Attempt } from '../state/attempt.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import type { Outcome } from './outcome.ts'
import { tryWriteOutcome, type WriteContext } from './write-outcome.ts'

export interface PendingOutcomesContext extends WriteContext {
  readonly state: StateDirectory
}

interface PendingOutcome {
  readonly outcome: Outcome
  /** Its record is kept until the outcome is written. */
  readonly attempt: Attempt
}

/** Outcomes that could not be written because the task file is unreadable. They are retried with every poll. */
export class PendingOutcomes {
  readonly #context: PendingOutcomesContext
  readonly #pending = new Map<string, PendingOutcome>()

  constructor (context: PendingOutcomesContext) {
    this.#context = context
  }

  get ids (): string[] {
    return [...this.#pending.keys()]
  }

  add (id: string, outcome: Outcome, attempt: Attempt): void {
    this.#pending.set(id, { outcome, attempt })
  }

  /** Tries once to write each of them. It does not reject. */
  async retry (): Promise<void> {
    for (const [id, { outcome, attempt }] of [...this.#pending]) {
      if (!await tryWriteOutcome(this.#context, id, outcome)) continue
      this.#pending.delete(id)
      this.#context.state.forgetFinished(attempt)
      this.#context.logger.info(`${id} ${outcome.status}: the outcome could be written now`)
    }
  }
}
