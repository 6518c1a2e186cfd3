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

/** Removes temporary files of writers that were killed. Ages are measured on this process's clock, from the first call. */
export class TemporaryFiles {
  readonly #directory: TasksDirectory
  readonly #staleAfterMs: number
  readonly #onError: (error: unknown, name: string) => void
  /** When each file was first seen, on the monotonic clock, in ms. */
  #firstSeen = new Map<string, number>()

  constructor (directory: TasksDirectory, { staleAfterMs = TEMPORARY_AFTER_MS, onError = () => {} }: TemporaryFilesOptions = {}) {
    this.#directory = directory
    this.#staleAfterMs = staleAfterMs
    this.#onError = onError
  }

  /** @param names all names in the directory; it ignores names that only other programs give */
  async removeStale (names: Iterable<string>): Promise<void> {
    const now = performance.now()
    const known = this.#firstSeen
    this.#firstSeen = new Map()
    for (const name of names) {
      if (!isTemporaryName(name)) continue
      // a name is random and never used again: the same name is the same file
      const since = known.get(name) ?? now
      this.#firstSeen.set(name, since)
      if (now - since < this.#staleAfterMs) continue
      await removeFile(this.#directory, name).catch((error) => this.#onError(error, name))
    }
  }
}
