import type { BigIntStats } from 'node:fs'
import { MTIME_SETTLE_MS } from '../../protocol/directory-identity.ts'
import { fingerprintOf } from '../../protocol/task-file.ts'
import type { StoredTask } from '../../shared/stored-task.ts'

/** One known task file: the last task read from it, and the state of the file at that time. */
export class CatalogueEntry {
  readonly id: string
  #task: StoredTask | undefined
  #fingerprint: string | undefined
  #isSettled = false

  constructor (id: string) {
    this.id = id
  }

  /** The last valid task; undefined until the file has been read successfully. */
  get task (): StoredTask | undefined {
    return this.#task
  }

  /** Replaces the task. */
  accept (task: StoredTask): void {
    this.#task = task
  }

  /**
   * Remembers the state of the file from which a valid task was read.
   * @param stats of the file, from before it was read
   */
  rememberFile (stats: BigIntStats): void {
    this.#fingerprint = fingerprintOf(stats)
    this.#isSettled = Date.now() - Number(stats.mtimeMs) > MTIME_SETTLE_MS
  }

  /**
   * Compares the file with the remembered one.
   * @param stats of the file now; undefined if it does not exist
   * @returns `uncertain`: it looks the same, but a later change within one tick of the file system's clock would too
   */
  compareFile (stats: BigIntStats | undefined): 'same' | 'changed' | 'uncertain' | 'never-read' {
    if (this.#fingerprint === undefined) return 'never-read'
    if (stats === undefined || fingerprintOf(stats) !== this.#fingerprint) return 'changed'
    return this.#isSettled ? 'same' : 'uncertain'
  }
}
