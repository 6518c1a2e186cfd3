const LINE_BREAK = 10

/** Bytes with their place in the log. */
export interface LogPart {
  /** Byte offset of the first one. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * Without its first line, unless that is whole: what is shown begins where a line does. A line that fills all of it
 * is cut nevertheless.
 */
export function fromLineStart ({ offset, bytes }: LogPart): LogPart {
  const end = offset === 0 ? -1 : bytes.indexOf(LINE_BREAK)
  return end === -1 || end === bytes.length - 1 ? { offset, bytes } : { offset: offset + end + 1, bytes: bytes.subarray(end + 1) }
}

/** The end of a part, of at most so many rows of that width. At least its last line, or as much of that as fits in. */
export function lastRows ({ offset, bytes }: LogPart, rows: number, columns: number): LogPart {
  let left = rows
  let start = bytes.length
  while (start > 0) {
    // the line break before the line that ends at `start`
    const before = bytes.lastIndexOf(LINE_BREAK, start - 2)
    left -= rowsOf(start - before - 1, columns)
    if (left < 0) break
    start = before + 1
  }
  if (start === bytes.length) start = Math.max(0, bytes.length - rows * columns)
  return { offset: offset + start, bytes: bytes.subarray(start) }
}

/** The beginning of a part, in the same way. */
export function firstRows ({ offset, bytes }: LogPart, rows: number, columns: number): LogPart {
  let left = rows
  let end = 0
  while (end < bytes.length) {
    const next = bytes.indexOf(LINE_BREAK, end)
    const stop = next === -1 ? bytes.length : next + 1
    left -= rowsOf(stop - end, columns)
    if (left < 0) break
    end = stop
  }
  if (end === 0) end = Math.min(bytes.length, rows * columns)
  return { offset, bytes: bytes.subarray(0, end) }
}

/** How many bytes come before the line of that number (from 0); undefined: there are fewer lines. */
export function offsetOfLine (bytes: Uint8Array, line: number): number | undefined {
  let offset = 0
  for (let left = line; left > 0; left--) {
    const next = bytes.indexOf(LINE_BREAK, offset)
    if (next === -1) return undefined
    offset = next + 1
  }
  return offset
}

/** Where the line begins that is so many lines before the end (1: the last one); undefined: there are fewer lines. */
export function offsetOfLineBefore (bytes: Uint8Array, lines: number): number | undefined {
  // the line break that ends the last line is none between two
  let end = bytes.at(-1) === LINE_BREAK ? bytes.length - 1 : bytes.length
  for (let left = lines; left > 0; left--) {
    if (end <= 0) return undefined
    const before = bytes.lastIndexOf(LINE_BREAK, end - 1)
    if (left === 1) return before + 1
    end = before
  }
  return bytes.length
}

/** Pieces of about so many bytes that end where a line does, as far as there are line ends. */
export function * piecesOf ({ offset, bytes }: LogPart, length: number): Generator<LogPart> {
  for (let start = 0; start < bytes.length;) {
    const next = bytes.indexOf(LINE_BREAK, Math.min(start + length, bytes.length) - 1)
    const end = next === -1 || next >= start + 2 * length ? Math.min(start + length, bytes.length) : next + 1
    yield { offset: offset + start, bytes: bytes.subarray(start, end) }
    start = end
  }
}

/** Of a line with its line break. Colours and the like count too, so that it is rather too many. */
function rowsOf (length: number, columns: number): number {
  return Math.max(1, Math.ceil((length - 1) / columns))
}
