import type { StaleFiles } from '../../protocol/stale-files.ts'
import { idsWith } from './ids-with.ts'
import type { QueueIndex } from './queue-index.ts'

/** After a scan, pause for this many times its duration. */
const PAUSE = 20

export interface PacedScanOptions {
  readonly index: QueueIndex
  readonly staleFiles: StaleFiles
  /** Whether this processor is running the task: then its claim and its marker are in use. */
  readonly isActive: (id: string) => boolean
}

/** Scans the directory and cleans up its stale files, without spending much of the time on it. */
export class PacedScan {
  readonly #options: PacedScanOptions
  #nextAt = 0

  constructor (options: PacedScanOptions) {
    this.#options = options
  }

  /** @returns false if no scan is due yet */
  async runIfDue (): Promise<boolean> {
    const { index, staleFiles, isActive } = this.#options
    const startedAt = performance.now()
    if (startedAt < this.#nextAt) return false
    const names = await index.scan()
    const finishedAt = performance.now()
    this.#nextAt = finishedAt + PAUSE * (finishedAt - startedAt)
    // before the caller dispatches: a task that is being claimed counts as active, and its stale claim would stay
    staleFiles.observeOnly(new Set(idsWith(['claim', 'cancel'], names).filter((id) => !isActive(id))))
    staleFiles.observeTemporaryFiles(names)
    await staleFiles.cleanUp()
    return true
  }
}
