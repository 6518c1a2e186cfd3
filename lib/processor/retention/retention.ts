/** Which tasks that have ended are kept; what is not said has no limit. */
export interface Retention {
  /** How long, in ms from their end. */
  ageMs?: number | undefined
  /** How many. */
  count?: number | undefined
  /** How much their logs may have together, in bytes. */
  bytes?: number | undefined
}

export type RetentionLimit = 'age' | 'count' | 'bytes'

export interface Finished {
  readonly id: string
  /** In ms since the epoch. */
  readonly completedAt: number
  /** Of its log. */
  readonly bytes: number
}

/**
 * The tasks that are not to be kept, the one that ended first at the head, each with the limit that it is beyond.
 * @param now in ms since the epoch
 */
export function expired (finished: readonly Finished[], { ageMs = Infinity, count = Infinity, bytes = Infinity }: Retention, now: number): Array<{ id: string, limit: RetentionLimit }> {
  const oldestFirst = [...finished].sort((a, b) => a.completedAt - b.completedAt || (a.id < b.id ? -1 : 1))
  let bytesLeft = oldestFirst.reduce((sum, task) => sum + task.bytes, 0)
  const found: Array<{ id: string, limit: RetentionLimit }> = []
  for (const task of oldestFirst) {
    const limit = now - task.completedAt > ageMs
      ? 'age'
      : oldestFirst.length - found.length > count ? 'count' : bytesLeft > bytes ? 'bytes' : undefined
    if (limit === undefined) break
    bytesLeft -= task.bytes
    found.push({ id: task.id, limit })
  }
  return found
}

/** What is known of a task's end. */
export interface Ended {
  /** What its file says; undefined: nothing. */
  readonly completedAt: number | undefined
  /** When its file was written; not before the end. */
  readonly writtenAt: number
  /** For how long this processor has known that it has ended, in ms of the monotonic clock. */
  readonly knownForMs: number
}

/**
 * When a task ended, as far as can be told, in ms since the epoch. A time in the future comes from a wrong clock; use
 * the time when this processor first saw the task finished, so that it is neither kept forever nor removed first.
 */
export function endedAt ({ completedAt, writtenAt, knownForMs }: Ended, now: number): number {
  return Math.min(completedAt ?? writtenAt, now - knownForMs)
}
