import { creationTime } from './task-order.ts'
import type { Task } from './task-schema.ts'
import { TASK_STATUSES, type TaskStatus } from './task-status.ts'

/** A task as a store holds it: the parsed task, and its JSON text on one line. */
export interface StoredTask {
  readonly id: string
  /** Undefined if a file written by another program has an unknown status. */
  readonly status: TaskStatus | undefined
  /** Milliseconds since the epoch, see `creationTime`. */
  readonly createdAt: number
  readonly task: Task
  /** The JSON text of the file (its numbers, order and unknown fields) without line breaks. */
  readonly json: string
}

/** @param text valid JSON, of which `task` is the value */
export function toStoredTask (task: Task, text: string): StoredTask {
  return {
    id: task.id,
    status: TASK_STATUSES.find((status) => status === task.status),
    createdAt: creationTime(task),
    task,
    // in valid JSON, a line break is white space between tokens, never part of a string
    json: text.trim().replace(/[\r\n]\s*/g, '')
  }
}
