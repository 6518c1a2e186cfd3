import type { TaskLogEvent } from '../store.ts'

/** A log event without bytes: the size of the log is `end`. */
export function sizeUpdate ({ eventId, taskId, end }: Pick<TaskLogEvent, 'eventId' | 'taskId' | 'end'>): TaskLogEvent {
  return { type: 'task.log', eventId, taskId, offset: end, end, chunk: '' }
}

/** A log event without bytes: the log was truncated or rewritten. */
export function truncation ({ eventId, taskId }: Pick<TaskLogEvent, 'eventId' | 'taskId'>): TaskLogEvent {
  return { type: 'task.log', eventId, taskId, offset: 0, end: 0, chunk: '', truncated: true }
}
