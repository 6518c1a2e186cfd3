import type { LogContent, LogStore } from '../store.ts'
import { startOfLastLines } from './last-lines.ts'

/** The part of a log to read: a range of bytes, or the last lines. */
export interface LogSelection {
  /**
   * Byte offset of the first byte.
   * @default 0
   */
  readonly start?: number | undefined
  /**
   * Byte offset after the last byte.
   * @default the size of the log
   */
  readonly end?: number | undefined
  /**
   * The last lines, up to this number, instead of `start` and `end`. An incomplete last line counts. The log is read
   * backwards for at most 64 MiB and about a second: then only the lines found so far, or the end of a longer line.
   */
  readonly tail?: number | undefined
}

/** Bytes of a log, with byte offsets. */
export interface LogRange extends LogContent {
  /** Offset of the first byte of `body`; not more than `size`. */
  readonly start: number
  /** Offset after the last byte of `body`. */
  readonly end: number
}

/**
 * Opens a part of a log, limited to its current size.
 * @param signal stops the search for the beginning of the last lines
 * @returns undefined if there is no log (yet)
 */
export async function readLog (
  store: LogStore, taskId: string, { start = 0, end, tail }: LogSelection = {}, signal?: AbortSignal
): Promise<LogRange | undefined> {
  const from = tail === undefined ? start : await startOfTail(store, taskId, tail, signal)
  const log = await store.readLog(taskId, { start: from, ...(end !== undefined && { end }) })
  if (log === undefined) return undefined
  const { size, etag, body } = log
  const first = Math.min(from, size)
  return { start: first, end: Math.max(first, Math.min(end ?? size, size)), size, etag, body }
}

async function startOfTail (store: LogStore, taskId: string, lines: number, signal: AbortSignal | undefined): Promise<number> {
  const log = await store.readLog(taskId, { start: 0, end: 0 })
  log?.body.destroy()
  return log === undefined ? 0 : await startOfLastLines(store, taskId, { lines, end: log.size, signal })
}
