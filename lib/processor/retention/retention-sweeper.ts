import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { fileName } from '../../protocol/file-names.ts'
import { deleteTask } from '../../protocol/transitions.ts'
import { errorCode } from '../../util/error-code.ts'
import { logSize } from '../command/log-file.ts'
import type { Logger } from '../logger.ts'
import type { QueueIndex } from '../queue/queue-index.ts'
import { endedAt, expired, type Finished, type Retention, type RetentionLimit } from './retention.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

const EVERY_MS = 60_000
/** A log that was written to in so many ms is perhaps still appended to. */
const QUIET_MS = 60_000
/** How many tasks one sweep removes; what is left waits for the next one. */
const MAX_REMOVED = 1_000

export interface RetentionSweeperContext {
  readonly directory: TasksDirectory
  readonly retain: Retention
  readonly index: QueueIndex
  /** Whether this processor has the task in its hands. */
  readonly isRunning: (id: string) => boolean
  readonly logger: Logger
  /** Told what can't be removed, once for each reason. */
  readonly onError: (reason: string) => void
  /** Ends a sweep early. */
  readonly signal: AbortSignal
}

/** Removes the tasks that have ended and are not to be kept. */
export class RetentionSweeper {
  readonly #context: RetentionSweeperContext
  #next = 0
  #sweeping: Promise<void> | undefined

  constructor (context: RetentionSweeperContext) {
    this.#context = context
  }

  /** To be called after each scan: begins a sweep, if one is due. */
  tick (): void {
    const now = performance.now()
    if (this.#sweeping !== undefined || now < this.#next || Object.values(this.#context.retain).every((limit) => limit === undefined)) return
    this.#next = now + EVERY_MS
    this.#sweeping = this.#sweep()
      .catch((error) => this.#context.onError(errorCode(error)))
      .finally(() => { this.#sweeping = undefined })
  }

  /** Resolves when no sweep is under way. */
  async idle (): Promise<void> {
    await this.#sweeping
  }

  async #sweep (): Promise<void> {
    const { retain, logger, onError, signal } = this.#context
    const removed: RetentionLimit[] = []
    for (const { id, limit } of expired(await this.#finished(), retain, Date.now())) {
      if (signal.aborted || removed.length === MAX_REMOVED) break
      try {
        if (await this.#remove(id)) removed.push(limit)
      } catch (error) {
        onError(errorCode(error))
      }
    }
    if (removed.length > 0) logger.info(`removed ${removed.length} finished task${removed.length === 1 ? '' : 's'} (${[...new Set(removed)].join(', ')})`)
  }

  async #finished (): Promise<Finished[]> {
    const { directory, retain, index, isRunning } = this.#context
    const [now, monotonic] = [Date.now(), performance.now()]
    const finished: Finished[] = []
    await inTimeSlices(index.finished(), ({ id, completedAt, writtenAt, readAt }) => {
      if (isRunning(id)) return
      finished.push({
        id,
        completedAt: endedAt({ completedAt, writtenAt, knownForMs: monotonic - readAt }, now),
        bytes: retain.bytes === undefined ? 0 : logSize(directory, id)
      })
    })
    return finished
  }

  /** @returns false: it is left, for now */
  async #remove (id: string): Promise<boolean> {
    const { directory, index, isRunning } = this.#context
    if (isRunning(id) || this.#isWritten(id)) return false
    const outcome = await deleteTask(directory, id, { force: false })
    if (outcome === 'deleted') index.forget(id)
    return outcome === 'deleted'
  }

  /** A command left by another processor may still be writing. */
  #isWritten (id: string): boolean {
    const log = lstatSync(join(this.#context.directory.path, fileName(id, 'log')), { throwIfNoEntry: false })
    return log !== undefined && Math.abs(Date.now() - log.mtimeMs) < QUIET_MS
  }
}
