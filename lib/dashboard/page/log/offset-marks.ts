import type { IMarker, Terminal } from '@xterm/xterm'
import { offsetOfLine, offsetOfLineBefore, type LogBytes } from './log-bytes.ts'

/** Reads bytes of the log; fewer if the log ends before. */
export type ReadLog = (start: number, end: number, signal: AbortSignal | undefined) => Promise<LogBytes>

interface Mark {
  readonly offset: number
  readonly marker: IMarker
}

/** The terminal updates each mark whenever a row moves. */
const MAX_MARKS = 500
/** Maximum number of bytes to read in order to find the offset of a row. */
const MAX_READ_BYTES = 1024 * 1024

/** Maps rows of a terminal to byte offsets of the log, by markers at known offsets. */
export class OffsetMarks {
  /** Maximum distance between marks, in bytes, except within a line. */
  static readonly DISTANCE = 16 * 1024

  readonly #terminal: Terminal
  #marks: Mark[] = []
  /** Offset of the first byte that was written. */
  #start = 0

  constructor (terminal: Terminal) {
    this.#terminal = terminal
  }

  /** First byte offset whose row is known. Sequences that erase rows of the screen also remove their marks. */
  get first (): number {
    const { rows, options, buffer } = this.#terminal
    const hasDiscarded = buffer.active.length >= rows + options.scrollback!
    return hasDiscarded ? this.#marks.find(isAlive)?.offset ?? this.#start : this.#start
  }

  /** Marks the terminal's current row. */
  add (offset: number): void {
    const marker = this.#terminal.registerMarker(0)
    if (marker !== undefined) this.#marks.push({ offset, marker })
    if (this.#marks.length > MAX_MARKS) this.#thin()
  }

  /** Removes all marks, and marks the terminal's current row, which is its first. */
  restart (offset: number): void {
    for (const { marker } of this.#marks) marker.dispose()
    this.#marks = []
    this.#start = offset
    this.add(offset)
  }

  /** Byte offset of the line that starts at a row, or of the line that the row continues. */
  async offsetOfRow (row: number, read: ReadLog, signal?: AbortSignal): Promise<number> {
    const marks = this.#alive()
    const index = marks.findLastIndex(({ marker }) => marker.line <= row)
    const mark = marks[index]
    if (mark !== undefined) {
      const line = this.#linesBetween(mark.marker.line, row)
      if (line === 0) return mark.offset
      const end = marks[index + 1]?.offset ?? mark.offset + 4 * OffsetMarks.DISTANCE
      const { bytes } = await read(mark.offset, Math.min(end, mark.offset + MAX_READ_BYTES), signal)
      return mark.offset + (offsetOfLine(bytes, line) ?? 0)
    }
    // the row is before the first mark that is left
    const first = marks[0]
    if (first === undefined) return this.#start
    const lines = this.#linesBetween(row, first.marker.line)
    const { offset, bytes } = await read(Math.max(0, first.offset - 4 * OffsetMarks.DISTANCE), first.offset, signal)
    return offset + (offsetOfLineBefore(bytes, lines) ?? 0)
  }

  /** Drops the marks of discarded rows, and every second of the others if they are still many. */
  #thin (): void {
    const alive = this.#alive()
    const isKept = (index: number) => alive.length <= MAX_MARKS / 2 || index % 2 === 0
    for (const { marker } of alive.filter((_mark, index) => !isKept(index))) marker.dispose()
    this.#marks = this.#alive()
  }

  #alive (): Mark[] {
    return this.#marks.filter(isAlive)
  }

  /** Number of lines that start after row `from`, up to row `to`. */
  #linesBetween (from: number, to: number): number {
    let lines = 0
    for (let row = from + 1; row <= to; row++) {
      if (this.#terminal.buffer.active.getLine(row)?.isWrapped === false) lines++
    }
    return lines
  }
}

/** Whether the terminal still has the row. */
function isAlive ({ marker }: Mark): boolean {
  return !marker.isDisposed && marker.line >= 0
}
