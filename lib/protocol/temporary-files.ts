import { DueQueue } from '../util/due-queue.ts'
import { inTimeSlices } from '../util/time-slices.ts'
import { isTemporaryName } from './file-names.ts'
import { TEMPORARY_AFTER_MS } from './stale-rules.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { removeFile } from './write-file.ts'

export interface TemporaryFilesOptions {
  /** How long a temporary file is kept, in ms. Default: an hour. */
  staleAfterMs?: number
  /** Called for each file that could not be removed. Default: ignores errors. */
  onError?: (error: unknown, name: string) => void
}

/**
 * Removes temporary files of writers that were killed. Ages are measured on this process's clock, from the first
 * observation: a name is random and never used again, so the same name is the same file.
 */
export class TemporaryFiles {
  readonly #directory: TasksDirectory
  readonly #staleAfterMs: number
  readonly #onError: (error: unknown, name: string) => void
  readonly #files = new DueQueue()

  constructor (directory: TasksDirectory, { staleAfterMs = TEMPORARY_AFTER_MS, onError = () => {} }: TemporaryFilesOptions = {}) {
    this.#directory = directory
    this.#staleAfterMs = staleAfterMs
    this.#onError = onError
  }

  /** @param names of files that exist now; it ignores names that only other programs give */
  observe (names: Iterable<string>): void {
    const due = performance.now() + this.#staleAfterMs
    for (const name of names) if (isTemporaryName(name) && !this.#files.has(name)) this.#files.set(name, due)
  }

  /**
   * Removes the stale ones. One that cannot be removed is tried again after the same time.
   * @param budgetMs it then leaves the rest for the next call
   */
  async removeStale (budgetMs?: number): Promise<void> {
    await inTimeSlices(this.#files.takeDue(budgetMs), async (name) => {
      try {
        await removeFile(this.#directory, name)
      } catch (error) {
        this.#files.set(name, performance.now() + this.#staleAfterMs)
        this.#onError(error, name)
      }
    })
  }
}
