import type { LogStore } from '../store.ts'
import { readRange } from './read-range.ts'

/** A log is read backwards in blocks of this many bytes. */
const BLOCK_BYTES = 64 * 1024
const NEWLINE = 0x0a

export interface LastLinesOptions {
  /** Number of lines. An incomplete last line counts as one. */
  readonly lines: number
  /** Byte offset (exclusive) at which the last of them ends. */
  readonly end: number
  /** Stops reading when it aborts; the result is then meaningless. */
  readonly signal?: AbortSignal | undefined
}

/** Byte offset at which the last `lines` lines before `end` begin; 0 if there are not as many. */
export async function startOfLastLines (store: LogStore, taskId: string, { lines, end, signal }: LastLinesOptions): Promise<number> {
  if (lines === 0) return end
  let missing = lines
  // the last byte is skipped: if it is a newline, it ends the last line and begins no other
  for (let start = end, blockEnd = end - 1; blockEnd > 0 && signal?.aborted !== true; blockEnd = start) {
    start = Math.max(0, blockEnd - BLOCK_BYTES)
    const bytes = await readRange(store, taskId, start, blockEnd)
    // the log was deleted or truncated
    if (bytes === undefined || bytes.length < blockEnd - start) return start
    for (let at = bytes.lastIndexOf(NEWLINE); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
      if (--missing === 0) return start + at + 1
    }
  }
  return 0
}
