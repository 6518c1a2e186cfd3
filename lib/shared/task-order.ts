import { timeInId } from './task-id.ts'

/** What the order of two tasks depends on. */
interface SortKey {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** Milliseconds since the epoch: `createdAt`, else `created_at`, else the time in the id. */
export function creationTime (task: Record<string, unknown> & { id: string }): number {
  for (const value of [task.createdAt, task.created_at]) {
    const time = typeof value === 'string' ? Date.parse(value) : NaN
    if (!Number.isNaN(time)) return time
  }
  return timeInId(task.id)
}

/** Compares for `sort`: newest first, equal times by id. The order is total, so that pages of a list do not overlap. */
export function newestFirst (a: SortKey, b: SortKey): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}
