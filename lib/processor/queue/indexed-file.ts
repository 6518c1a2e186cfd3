import type { BigIntStats } from 'node:fs'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { fingerprintOf } from '../../protocol/task-file.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
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

/** @throws UnreadableFile if the processor could not write the task again */
export function indexedTask (stored: StoredTask, stats: BigIntStats): IndexedTask {
  if (!canBeWritten(stored)) throw new UnreadableFile('it is nested too deeply to be written again')
  const { task, status, createdAt } = stored
  return {
    id: task.id,
    problem: undefined,
    type: countedTypeOf(task),
    fingerprint: fingerprintOf(stats),
    status,
    createdAt,
    completedAt: parseTime(task.completedAt),
    writtenAt: Number(stats.mtimeMs),
    readAt: performance.now()
  }
}

export function unusableFile (id: string, error: unknown, stats: BigIntStats): UnusableFile {
  return error instanceof UnreadableFile
    ? { id, problem: error.message, fingerprint: fingerprintOf(stats) }
    : { id, problem: errorCode(error), fingerprint: '' }
}

/** `JSON.stringify` supports less nesting than `JSON.parse`. A short text is not nested deeply. */
function canBeWritten ({ json, task }: StoredTask): boolean {
  if (json.length < 4096) return true
  try {
    return JSON.stringify(task, null, 2) !== ''
  } catch {
    return false
  }
}
