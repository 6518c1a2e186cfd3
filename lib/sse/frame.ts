// Frames of Server-Sent Events (WHATWG HTML, section 9.2.5). No value may contain a line break: ids come from a store or are
// numbers, and data is JSON on one line.

export interface MessageFields {
  /** The client sends the last id that it received as `Last-Event-ID` when it reconnects. */
  readonly id: string
  /** Default: `message`, as the standard defines. */
  readonly event?: string
  /** Text, or its bytes in UTF-8. */
  readonly data: string | Uint8Array
}

const NEWLINE = 0x0a
const FRAME_END = Buffer.from('\n\n')

/** One event. The id is its first line, for `withoutId`. */
export function messageFrame ({ id, event, data }: MessageFields): Buffer {
  const eventLine = event === undefined ? '' : `event: ${event}\n`
  const head = `id: ${id}\n${eventLine}data: `
  return typeof data === 'string' ? Buffer.from(`${head}${data}\n\n`) : Buffer.concat([Buffer.from(head), data, FRAME_END])
}

/** The same event without its id, so that the client keeps its position. The bytes are shared. */
export function withoutId (frame: Buffer): Buffer {
  return frame.subarray(frame.indexOf(NEWLINE) + 1)
}

/** A comment that keeps the connection open; an id updates the position of a client that receives no events. */
export function pingFrame (id?: string): Buffer {
  return Buffer.from(id === undefined ? ': ping\n\n' : `: ping\nid: ${id}\n\n`)
}

/** @param ms how long the client waits before it reconnects */
export function retryFrame (ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`)
}
