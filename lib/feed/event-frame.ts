import { messageFrame } from '../sse/frame.ts'
import type { TaskEvent } from '../store.ts'

/** A task event as a frame of the feed. */
export function eventFrame (event: TaskEvent): Buffer {
  return messageFrame({ id: event.eventId, event: event.type, data: eventData(event) })
}

/**
 * The first event of each connection.
 * @param id position of the stream: the client's own id if it resumes, otherwise the current one
 */
export function readyFrame (id: string, { at, resumed }: { readonly at: number, readonly resumed: boolean }): Buffer {
  return messageFrame({ id, event: 'ready', data: JSON.stringify({ at, resumed }) })
}

function eventData (event: TaskEvent): string | Uint8Array {
  if (event.type === 'task.upsert') return event.task.json
  if (event.type === 'task.deleted') return JSON.stringify({ id: event.taskId })
  const { taskId: id, offset, end, chunk, truncated, lossy } = event
  return JSON.stringify({ id, offset, end, chunk, truncated, lossy })
}
