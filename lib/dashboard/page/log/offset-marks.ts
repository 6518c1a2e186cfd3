import type { IMarker, Terminal } from '@xterm/xterm'
import { offsetOfLine, offsetOfLineBefore, type LogBytes } from './log-bytes.ts'

/** Reads bytes of the log; fewer if the log ends before. */
export type ReadLog = (start: number, end: number, signal: AbortSignal | undefined) => Promise<LogBytes>

interface Mark {
  readonly offset: number
  readonly marker: IMarker
}

/** At most this many marks are kept before those of discarded rows are dropped. */
const MAX_MARKS = 2000

/** Maps rows of a terminal to byte offsets of the log, by markers at known offsets. */
export class OffsetMarks {
  /** Maximum distance between marks, in bytes, except within a line. */
  static readonly DISTANCE = 16 * 1024

  readonly #terminal: Terminal
  #marks: Mark[] = []

  constructor (terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Byte offset of the first mark whose row the terminal still has. */
  get first (): number | undefined {
    return this.#marks.find(isAlive)?.offset
  }

  /** Marks the terminal's current row. */
  add (offset: number): void {
    const marker = this.#terminal.registerMarker(0)
    if (marker !== undefined) this.#marks.push({ offset, marker })
    if (this.#marks.length > MAX_MARKS) this.#marks = this.#alive()
  }

  clear (): void {
    for (const { marker } of this.#marks) marker.dispose()
    this.#marks = []
  }

  /** Byte offset of the line that starts at a row, or of the line that the row continues. */
  async offsetOfRow (row: number, read: ReadLog, signal?: AbortSignal): Promise<number> {
    const marks = this.#alive()
    const mark = marks.findLast(({ marker }) => marker.line <= row)
    if (mark !== undefined) {
      const line = this.#linesBetween(mark.marker.line, row)
      if (line === 0) return mark.offset
      const { bytes } = await read(mark.offset, mark.offset + 4 * OffsetMarks.DISTANCE, signal)
      return mark.offset + (offsetOfLine(bytes, line) ?? 0)
    }
    // the row is before the first mark that is left
    const first = marks[0]
    if (first === undefined) return 0
    const lines = this.#linesBetween(row, first.marker.line)
    const { offset, bytes } = await read(Math.max(0, first.offset - 4 * OffsetMarks.DISTANCE), first.offset, signal)
    return offset + (offsetOfLineBefore(bytes, lines) ?? 0)
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
