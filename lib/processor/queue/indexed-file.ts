import type { BigIntStats } from 'node:fs'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { fingerprintOf } from '../../protocol/task-file.ts'
import type { JsonText } from '../../shared/json-text.ts'
import { StoredTask } from '../../shared/stored-task.ts'
import type { TaskStatus } from '../../shared/task-status.ts'
import { errorCode } from '../../util/error-code.ts'
import { parseTime } from '../../util/parse-time.ts'
import { countedTypeOf } from './counted-type.ts'

/** A queued task, as far as its turn depends on it. */
export interface QueuedTask {
  readonly id: string
  /** For per-type concurrency limits. */
  readonly type: string
}

/** What the index keeps of a task file. */
export interface IndexedTask extends QueuedTask {
  readonly problem: undefined
  /** While the file has the same one, its content is the same. */
  readonly fingerprint: string
  readonly status: TaskStatus | undefined
  readonly createdAt: number
  /** In ms since the epoch; undefined if the file holds no such time. */
  readonly completedAt: number | undefined
  /** The file's mtime, in ms since the epoch. */
  readonly writtenAt: number
  /** When the file was read, by the monotonic clock. */
  readonly readAt: number
}

/** A task file that cannot be used now. */
export interface UnusableFile {
  readonly id: string
  readonly problem: string
  /** Empty after system errors, so that the next scan retries. */
  readonly fingerprint: string
}

export type IndexedFile = IndexedTask | UnusableFile

export function indexedTask (text: JsonText, stats: BigIntStats): IndexedTask {
  const { id, status, createdAt } = new StoredTask(text)
  return {
    id,
    problem: undefined,
    type: countedTypeOf({ type: typeIn(text) }),
    fingerprint: fingerprintOf(stats),
    status,
    createdAt,
    completedAt: parseTime(text.scalar('completedAt')),
    writtenAt: Number(stats.mtimeMs),
    readAt: performance.now()
  }
}

export function unusableFile (id: string, error: unknown, stats: BigIntStats): UnusableFile {
  return error instanceof UnreadableFile
    ? { id, problem: error.message, fingerprint: fingerprintOf(stats) }
    : { id, problem: errorCode(error), fingerprint: '' }
}

/** Undefined if there is none; the empty string if it is not a string, or much too long. */
function typeIn (text: JsonText): string | undefined {
  if (!text.has('type')) return undefined
  const type = text.scalar('type')
  return typeof type === 'string' ? type : ''
}
