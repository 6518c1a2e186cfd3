import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { fileName } from '../../protocol/file-names.ts'
import { ForeignFile } from '../../protocol/foreign-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { deleteTask } from '../../protocol/transitions.ts'
import { errorCode } from '../../util/error-code.ts'
import { SingleFlight } from '../../util/single-flight.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import { logSize } from '../command/log-file.ts'
import type { Logger } from '../logger.ts'
import type { QueueIndex } from '../queue/queue-index.ts'
import { expiredTasks, finishedAtOf, type FinishedTask, type Retention, type RetentionLimit } from './retention.ts'

const INTERVAL_MS = 60_000
/** A log that was written to more recently, in ms, may still be appended to. */
const QUIET_MS = 60_000
/** How many tasks one sweep deletes at most; the next one continues. */
const MAX_DELETED = 1_000

export interface RetentionSweeperOptions {
  readonly directory: TasksDirectory
  readonly retain: Retention
  readonly index: QueueIndex
  /** Whether this processor is running the task. */
  readonly isActive: (id: string) => boolean
  readonly logger: Logger
  /** Called with the reason why a task cannot be deleted. */
  readonly onError: (reason: string) => void
  /** Ends a sweep early. */
  readonly signal: AbortSignal
}

/** Deletes the finished tasks that exceed the retention limits. */
export class RetentionSweeper {
  readonly #options: RetentionSweeperOptions
  readonly #isUnlimited: boolean
  readonly #sweeps = new SingleFlight()
  #nextAt = 0

  constructor (options: RetentionSweeperOptions) {
    this.#options = options
    this.#isUnlimited = Object.values(options.retain).every((limit) => limit === undefined)
  }

  /** Call it after each scan: it starts a sweep if one is due. */
  tick (): void {
    const now = performance.now()
    if (this.#isUnlimited || this.#sweeps.isRunning || now < this.#nextAt) return
    this.#nextAt = now + INTERVAL_MS
    this.#sweeps.run(() => this.#sweep()).catch((error) => this.#options.onError(errorCode(error)))
  }

  /** Resolves when no sweep is in progress. */
  async idle (): Promise<void> {
    await this.#sweeps.idle()
  }

  async #sweep (): Promise<void> {
    const { retain, onError, signal } = this.#options
    const deleted: RetentionLimit[] = []
    for (const { id, limit } of expiredTasks(await this.#finishedTasks(), retain, Date.now())) {
      if (signal.aborted || deleted.length === MAX_DELETED) break
      try {
        if (await this.#delete(id)) deleted.push(limit)
      } catch (error) {
        onError(error instanceof ForeignFile ? `${error.fileName}: ${error.message}` : errorCode(error))
      }
    }
    this.#report(deleted)
  }

  #report (deleted: readonly RetentionLimit[]): void {
    if (deleted.length === 0) return
    const limits = [...new Set(deleted)].join(', ')
    this.#options.logger.info(`deleted ${deleted.length} finished task${deleted.length === 1 ? '' : 's'} (${limits})`)
  }

  async #finishedTasks (): Promise<FinishedTask[]> {
    const { directory, retain, index, isActive } = this.#options
    const [now, monotonicNow] = [Date.now(), performance.now()]
    const finished: FinishedTask[] = []
    await inTimeSlices(index.finished(), ({ id, completedAt, writtenAt, readAt }) => {
      if (isActive(id)) return
      finished.push({
        id,
        finishedAt: finishedAtOf({ completedAt, writtenAt, knownForMs: monotonicNow - readAt }, now),
        bytes: retain.bytes === undefined ? 0 : logSize(directory, id)
      })
    })
    return finished
  }

  /** @returns false if the task is kept for now */
  async #delete (id: string): Promise<boolean> {
    const { directory, index, isActive } = this.#options
    if (isActive(id) || this.#isLogInUse(id)) return false
    const outcome = await deleteTask(directory, id, { force: false })
    if (outcome === 'deleted') index.forget(id)
    return outcome === 'deleted'
  }

  /** A command that another processor left may still be writing. */
  #isLogInUse (id: string): boolean {
    const stats = lstatSync(join(this.#options.directory.path, fileName(id, 'log')), { throwIfNoEntry: false })
    return stats !== undefined && Math.abs(Date.now() - stats.mtimeMs) < QUIET_MS
  }
}
