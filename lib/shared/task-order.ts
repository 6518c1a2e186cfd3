import { isTaskId, timeInId } from './task-id.ts'

/** The groups are `createdAt`, as `String` writes a number, and the id. */
export const CURSOR_PATTERN = '^(-?\\d{1,25}(?:\\.\\d{1,20})?(?:e\\+\\d{1,3})?)-([tT][aA][sS][kK]_.{1,100})$'

/** What the order of two tasks depends on: the place of a task in a list. */
export interface SortKey {
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

/** `<createdAt>-<id>`: a place in the order, which remains known when the task is deleted. */
export function cursorOf ({ createdAt, id }: SortKey): string {
  return `${createdAt}-${id}`
}

/** @returns undefined if the text is not a cursor */
export function parseCursor (text: string): SortKey | undefined {
  const [, createdAt, id] = new RegExp(CURSOR_PATTERN).exec(text) ?? []
  return createdAt === undefined || !isTaskId(id) ? undefined : { createdAt: Number(createdAt), id }
}
