import type { TaskEvent } from '../store.ts'
import type { TextChunk } from '../log/text.ts'

/**
 * One event of the stream as bytes (WHATWG HTML, 9.2.5). The id line comes first so that it can be sliced off for
 * connections that must not send it yet.
 */
export interface Frame {
  readonly withId: Buffer
  readonly withoutId: Buffer
}

/** Every value that is put in here is JSON on one line or an id of a store: nothing can break a frame. */
function frame (event: string, data: string, id: string): Frame {
  const idLine = `id: ${id}\n`
  const withId = Buffer.from(`${idLine}event: ${event}\ndata: ${data}\n\n`)
  return { withId, withoutId: withId.subarray(Buffer.byteLength(idLine)) }
}

export function eventFrame (event: TaskEvent): Frame {
  return frame(event.type, eventData(event), event.eventId)
}

function eventData (event: TaskEvent): string {
  if (event.type === 'task.upsert') return event.task.json
  if (event.type === 'task.deleted') return JSON.stringify({ id: event.taskId })
  const { taskId: id, offset, end, chunk, truncated, lossy } = event
  return JSON.stringify({ id, offset, end, chunk, truncated, lossy })
}

/** Announces the position of the stream: the client's own id if resumed, otherwise the current one. */
export function readyFrame (id: string, { at, resumed }: { at: number, resumed: boolean }): Buffer {
  return frame('ready', JSON.stringify({ at, resumed }), id).withId
}

/** Keeps the connection alive; the id keeps a client resumable that saw no event for long. */
export function pingFrame (id: string | undefined): Buffer {
  return Buffer.from(id === undefined ? ': ping\n\n' : `: ping\nid: ${id}\n\n`)
}

/** Text of one log; its id is the byte offset after it, so that an EventSource goes on exactly there. */
export function logFrame (text: TextChunk & { truncated?: true }): Buffer {
  return Buffer.from(`id: ${text.end}\ndata: ${JSON.stringify(text)}\n\n`)
}

/** Nothing follows: the task has ended with that status, or is gone (null). */
export function logEndFrame (size: number, status: string | null): Buffer {
  return frame('end', JSON.stringify({ status }), `${size}-end`).withId
}

/** How long a client waits before it connects again, in ms. */
export function retryFrame (ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`)
}
