const LINE_BREAK = 10

/** Consecutive bytes of a log. */
export interface LogBytes {
  /** Byte offset of the first byte. */
  readonly offset: number
  readonly bytes: Uint8Array
}

export function emptyBytes (offset: number): LogBytes {
  return { offset, bytes: new Uint8Array(0) }
}

/** Removes an incomplete first line, unless nothing would be left. A part at offset 0 starts with a complete line. */
export function fromLineStart ({ offset, bytes }: LogBytes): LogBytes {
  const end = offset === 0 ? -1 : bytes.indexOf(LINE_BREAK)
  return end === -1 || end === bytes.length - 1 ? { offset, bytes } : { offset: offset + end + 1, bytes: bytes.subarray(end + 1) }
}

/** Removes the rest of a UTF-8 character from the start of a part. */
export function fromCharacterStart ({ offset, bytes }: LogBytes): LogBytes {
  const rest = offset === 0 ? 0 : Math.max(0, bytes.subarray(0, 4).findIndex((byte) => !isContinuation(byte)))
  return { offset: offset + rest, bytes: bytes.subarray(rest) }
}

/** Whether a byte continues a character of UTF-8. */
function isContinuation (byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** The end of a part, in at most so many rows of that width: complete lines, or else as much of the last line as fits. */
export function lastRows ({ offset, bytes }: LogBytes, rows: number, columns: number): LogBytes {
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

/** The start of a part, in at most so many rows: complete lines, or else as much of the first line as fits. */
export function firstRows ({ offset, bytes }: LogBytes, rows: number, columns: number): LogBytes {
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

/** Number of bytes before a line, counted from 0; undefined if there are fewer lines. */
export function offsetOfLine (bytes: Uint8Array, line: number): number | undefined {
  let offset = 0
  for (let left = line; left > 0; left--) {
    const next = bytes.indexOf(LINE_BREAK, offset)
    if (next === -1) return undefined
    offset = next + 1
  }
  return offset
}

/** Number of bytes before a line, counted from the end (1: the last line); undefined if there are fewer lines. */
export function offsetOfLineBefore (bytes: Uint8Array, lines: number): number | undefined {
  // a line break at the end terminates the last line and starts no other
  let end = bytes.at(-1) === LINE_BREAK ? bytes.length - 1 : bytes.length
  for (let left = lines; left > 0; left--) {
    if (end <= 0) return undefined
    const before = bytes.lastIndexOf(LINE_BREAK, end - 1)
    if (left === 1) return before + 1
    end = before
  }
  return bytes.length
}

/** Splits a part into pieces of about `length` bytes, at ends of lines unless a line is too long. */
export function * piecesOf ({ offset, bytes }: LogBytes, length: number): Generator<LogBytes> {
  for (let start = 0; start < bytes.length;) {
    const next = bytes.indexOf(LINE_BREAK, Math.min(start + length, bytes.length) - 1)
    const end = next === -1 || next >= start + 2 * length ? Math.min(start + length, bytes.length) : next + 1
    yield { offset: offset + start, bytes: bytes.subarray(start, end) }
    start = end
  }
}

/** Rows of a line, given its length with the line break. An upper bound: escape sequences count as characters. */
function rowsOf (length: number, columns: number): number {
  return Math.max(1, Math.ceil((length - 1) / columns))
}
