import type { LogStore } from '../store.ts'
import { readRange } from './read-range.ts'

/** A log is read backwards in blocks of this many bytes. */
const BLOCK_BYTES = 64 * 1024
/** Default limits: a log may be sparse, or have lines without an end. */
const MAX_BYTES = 64 * 1024 * 1024
const MAX_MS = 1000
const NEWLINE = 0x0a

export interface LastLinesOptions {
  /** Number of lines. An incomplete last line counts as one. */
  readonly lines: number
  /** Byte offset (exclusive) at which the last of them ends. */
  readonly end: number
  /** At most this many bytes are read. Default: 64 MiB. */
  readonly maxBytes?: number
  /** Reading stops after this time, in ms. Default: 1000. */
  readonly timeMs?: number
  /** Stops reading when it aborts; the result is then meaningless. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Byte offset at which the last `lines` lines before `end` begin; 0 if there are not as many. If a limit is reached first,
 * the lines found so far; if that is not even one, the last part of the line.
 */
export async function startOfLastLines (
  store: LogStore, taskId: string, { lines, end, maxBytes = MAX_BYTES, timeMs = MAX_MS, signal }: LastLinesOptions
): Promise<number> {
  if (lines === 0) return end
  const limit = Math.max(0, end - maxBytes)
  const deadline = performance.now() + timeMs
  let missing = lines
  let firstLine: number | undefined
  // the last byte is skipped: if it is a newline, it ends the last line and begins no other
  for (let start = end, blockEnd = end - 1; blockEnd > 0; blockEnd = start) {
    start = Math.max(limit, blockEnd - BLOCK_BYTES)
    const bytes = await readRange(store, taskId, start, blockEnd)
    // the log was deleted or truncated
    if (bytes === undefined || bytes.length < blockEnd - start) return start
    for (let at = bytes.lastIndexOf(NEWLINE); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
      firstLine = start + at + 1
      if (--missing === 0) return firstLine
    }
    if (start === 0) break
    if (start === limit || performance.now() > deadline || signal?.aborted === true) return firstLine ?? start + partialLength(bytes)
  }
  return 0
}

/** The number of bytes (0 to 3) that end a character which begins before them. */
function partialLength (bytes: Buffer): number {
  let length = 0
  while (length < 3 && (bytes[length]! & 0xc0) === 0x80) length++
  return length
}
