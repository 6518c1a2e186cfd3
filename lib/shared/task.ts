import type { Task } from './task-schema.ts'

// No runtime imports: this module is also bundled into the browser client.

/** The states of a task: `queued → running → completed | failed | cancelled`, or `queued → failed | cancelled` without
 * running. (The comment omits `failed`, which rejected tasks get.) */
export const TASK_STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const

export type TaskStatus = (typeof TASK_STATUSES)[number]

/** An id also names files, so its form is closed: nothing in it can leave the directory. */
export const TASK_ID_PATTERN = '^[tT][aA][sS][kK]_[0-9]+_[a-zA-Z0-9]+$'
/** Keeps `ID.json` and its temporary names far below the 255 bytes of a file name. */
export const TASK_ID_MAX_LENGTH = 100

const taskId = new RegExp(TASK_ID_PATTERN)

export function isTaskId (value: unknown): value is string {
  return typeof value === 'string' && value.length <= TASK_ID_MAX_LENGTH && taskId.test(value)
}

/** A fresh id: `task_<ms>_` and 12 random characters (60 bits) from a cryptographic source. */
export function createTaskId (now = Date.now()): string {
  let random = ''
  // 32 of the 36 characters, so that a byte maps to one without bias
  for (const byte of crypto.getRandomValues(new Uint8Array(12))) random += (byte & 31).toString(32)
  return `task_${now}_${random}`
}

/** A task as a store holds it: the parsed task, and its own JSON text on one line. */
export interface StoredTask {
  readonly id: string
  /** The status, or undefined if a file written by another program has an unknown value. */
  readonly status: TaskStatus | undefined
  /** Milliseconds since the epoch: `createdAt`, else `created_at`, else the time in the id. */
  readonly createdAt: number
  readonly task: Task
  /** Exactly what the file says (numbers, order, unknown fields), without line breaks. */
  readonly json: string
}

/** `text` is valid JSON and `task` its value. */
export function toStoredTask (task: Task, text: string): StoredTask {
  return {
    id: task.id,
    status: TASK_STATUSES.find((status) => status === task.status),
    createdAt: creationTime(task),
    task,
    // In valid JSON a line break is always white space between tokens, never inside a string.
    json: text.trim().replace(/[\r\n]\s*/g, '')
  }
}

/** Sort key of an id alone, for tasks whose file is gone. */
export function timeInId (id: string): number {
  return Number(id.split('_')[1])
}

export function creationTime (task: Record<string, unknown> & { id: string }): number {
  for (const value of [task.createdAt, task.created_at]) {
    const time = typeof value === 'string' ? Date.parse(value) : NaN
    if (!Number.isNaN(time)) return time
  }
  return timeInId(task.id)
}

/** Newest first; equal times by id, so that the order is total and pages do not overlap. */
export function newestFirst (a: Pick<StoredTask, 'createdAt' | 'id'>, b: Pick<StoredTask, 'createdAt' | 'id'>): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}

export function isActive (status: string | undefined): boolean {
  return status === 'queued' || status === 'running'
}

export function isTerminal (status: string | undefined): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
