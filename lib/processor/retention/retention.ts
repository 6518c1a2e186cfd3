/** Which finished tasks are kept. Default for each: no limit. */
export interface Retention {
  /** For how long after they finished, in ms. */
  ageMs?: number | undefined
  /** How many. */
  count?: number | undefined
  /** The total size of their logs, in bytes. */
  bytes?: number | undefined
}

export type RetentionLimit = 'age' | 'count' | 'bytes'

export interface FinishedTask {
  readonly id: string
  /** In ms since the epoch. */
  readonly finishedAt: number
  /** The size of its log. */
  readonly bytes: number
}

export interface ExpiredTask {
  readonly id: string
  /** The limit that it exceeds. */
  readonly limit: RetentionLimit
}

/**
 * The tasks that are not to be kept, the one that finished first at the head.
 * @param now in ms since the epoch
 */
export function expiredTasks (finished: readonly FinishedTask[], { ageMs = Infinity, count = Infinity, bytes = Infinity }: Retention, now: number): ExpiredTask[] {
  const oldestFirst = [...finished].sort((a, b) => a.finishedAt - b.finishedAt || (a.id < b.id ? -1 : 1))
  let remainingBytes = oldestFirst.reduce((sum, task) => sum + task.bytes, 0)
  const expired: ExpiredTask[] = []
  for (const task of oldestFirst) {
    const limit = now - task.finishedAt > ageMs
      ? 'age'
      : oldestFirst.length - expired.length > count ? 'count' : remainingBytes > bytes ? 'bytes' : undefined
    if (limit === undefined) break
    remainingBytes -= task.bytes
    expired.push({ id: task.id, limit })
  }
  return expired
}

/** What is known about when a task finished. */
export interface FinishTimes {
  /** By the task file, in ms since the epoch; undefined if it holds no such time. */
  readonly completedAt: number | undefined
  /** The task file's mtime, in ms since the epoch: not before the task finished. */
  readonly writtenAt: number
  /** For how long this processor has known that the task is finished, in ms of the monotonic clock. */
  readonly knownForMs: number
}

/**
 * When a task finished, in ms since the epoch, as well as it can be known. A time in the future comes from a wrong clock;
 * use the time when this processor first saw the task finished, so that it is neither kept forever nor removed first.
 */
export function finishedAtOf ({ completedAt, writtenAt, knownForMs }: FinishTimes, now: number): number {
  return Math.min(completedAt ?? writtenAt, now - knownForMs)
}
