import type { Terminal } from '@xterm/xterm'
import { highlight } from './highlight.ts'
import { firstRows, fromCharacterStart, lastRows, piecesOf, type LogBytes } from './log-bytes.ts'
import { OffsetMarks, type ReadLog } from './offset-marks.ts'
import { scrollToRow } from './scroll-to-row.ts'
import { SequenceFilter } from './sequence-filter.ts'
import { openTerminal, type OpenTerminal } from './terminal.ts'

/** Number of rows above the view that the terminal keeps; it discards the oldest rows first. */
const SCROLLBACK_ROWS = { wrapped: 10_000, unwrapped: 2_500 }
/** Width of the terminal if lines are not wrapped. */
const UNWRAPPED_COLUMNS = 500
/** Bytes that xterm.js may have queued before `append` waits for it. */
const MAX_PENDING_BYTES = 512 * 1024
/** Rows between the top of the view and a highlighted text. */
const ROWS_ABOVE_HIGHLIGHT = 3

/** Progress that the command reports with OSC 9;4: a percentage, or `busy`. Undefined if it reports none. */
export type Progress = number | 'busy' | undefined

export interface ScreenEvents {
  readonly onProgress: (progress: Progress) => void
  readonly onScroll: () => void
  /** The user scrolls up (< 0) or down (> 0), also if the terminal is already at its first or last row. */
  readonly onScrollAttempt: (direction: number) => void
}

/** A section of a log shown in xterm.js, with a mapping from rows to byte offsets. */
export class LogScreen {
  readonly #events: ScreenEvents
  readonly #open: OpenTerminal
  readonly #terminal: Terminal
  readonly #marks: OffsetMarks
  readonly #filter = new SequenceFilter(() => ({ columns: this.#terminal.cols, rows: this.#terminal.rows }))
  readonly #closed = new AbortController()
  readonly #resizeObserver: ResizeObserver
  #isWrapped = true
  #end = 0
  #pendingBytes = 0

  constructor (element: HTMLElement, events: ScreenEvents) {
    this.#events = events
    this.#open = openTerminal(element, SCROLLBACK_ROWS.wrapped)
    this.#terminal = this.#open.terminal
    this.#marks = new OffsetMarks(this.#terminal)
    this.#open.progress.onChange(({ state, value }) => events.onProgress(state === 0 ? undefined : state === 3 ? 'busy' : value))
    this.#resizeObserver = new ResizeObserver(() => this.#fit())
    this.#resizeObserver.observe(element)
    this.#terminal.onScroll(() => events.onScroll())
    element.addEventListener('wheel', ({ deltaY }) => events.onScrollAttempt(deltaY), { passive: true, signal: this.#closed.signal })
    this.#terminal.attachCustomKeyEventHandler(() => false)
    this.#fit()
  }

  dispose (): void {
    this.#closed.abort()
    this.#resizeObserver.disconnect()
    this.#open.dispose()
  }

  /** Byte offset after the last byte shown. */
  get end (): number {
    return this.#end
  }

  /** First byte offset whose row is known. */
  get start (): number {
    return this.#marks.first
  }

  /** Number of rows above and below the view. */
  get hidden (): { above: number, below: number } {
    const { baseY, viewportY } = this.#terminal.buffer.active
    return { above: viewportY, below: baseY - viewportY }
  }

  /** Number of rows to load before and after an offset. */
  get rowsPerSide (): number {
    return Math.floor(this.#terminal.options.scrollback! * 0.4)
  }

  /** The end of a part, as much as is shown before an offset. */
  lastRows (part: LogBytes): LogBytes {
    return lastRows(part, this.rowsPerSide, this.#terminal.cols)
  }

  /** The start of a part, as much as is shown after an offset. */
  firstRows (part: LogBytes): LogBytes {
    return firstRows(part, this.rowsPerSide, this.#terminal.cols)
  }

  /** Afterwards, show the section again: the number of rows to keep has changed. */
  setWrapped (isWrapped: boolean): void {
    this.#isWrapped = isWrapped
    this.#terminal.options.scrollback = isWrapped ? SCROLLBACK_ROWS.wrapped : SCROLLBACK_ROWS.unwrapped
    this.#fit()
  }

  /** Replaces the section. */
  async show (section: LogBytes, signal: AbortSignal): Promise<void> {
    const part = fromCharacterStart(section)
    // writes of the previous section must not follow the reset
    await this.#settled(signal)
    this.#terminal.reset()
    this.#filter.reset()
    this.#end = part.offset
    this.#events.onProgress(undefined)
    this.#marks.restart(this.#end)
    await this.append(part, signal)
    await this.#settled(signal)
  }

  /**
   * Replaces the section by two consecutive parts, with the start of the second one at the top of the view.
   * @param text to be highlighted in the first line of the second part
   */
  async showAround (before: LogBytes, after: LogBytes, signal: AbortSignal, text?: string): Promise<void> {
    await this.show(before, signal)
    const marker = this.#terminal.registerMarker(0)
    await this.append(after, signal)
    await this.#settled(signal)
    // erased rows have no marker
    await scrollToRow(this.#terminal, marker.isDisposed ? Infinity : marker.line, signal)
    if (text !== undefined && !marker.isDisposed) {
      const row = highlight(this.#terminal, marker.line, text)
      await scrollToRow(this.#terminal, Math.max(0, row - ROWS_ABOVE_HIGHLIGHT), signal)
    }
    marker.dispose()
  }

  /** Adds the part that follows the section. Resolves when the terminal can take more. */
  async append (part: LogBytes, signal: AbortSignal): Promise<void> {
    for (const { offset, bytes } of piecesOf(part, OffsetMarks.DISTANCE)) {
      this.#pendingBytes += bytes.length
      for (const text of this.#filter.push(bytes)) this.#terminal.write(text)
      const written = new Promise<void>((resolve) => {
        this.#terminal.write('', () => {
          this.#pendingBytes -= bytes.length
          if (!signal.aborted) {
            this.#end = offset + bytes.length
            this.#marks.add(this.#end)
          }
          resolve()
        })
      })
      if (this.#pendingBytes > MAX_PENDING_BYTES) await written
      signal.throwIfAborted()
    }
  }

  scrollToEnd (): void {
    this.#terminal.scrollToBottom()
  }

  /** As `scrollToEnd`, after the terminal has rendered what was shown. */
  async settleAtEnd (signal: AbortSignal): Promise<void> {
    await scrollToRow(this.#terminal, Infinity, signal)
  }

  scrollPages (pages: number): void {
    this.#terminal.scrollPages(pages)
    this.#events.onScrollAttempt(pages)
  }

  /** The selected text, or the complete section. */
  text (): string {
    const selected = this.#terminal.getSelection()
    if (selected !== '') return selected
    this.#terminal.selectAll()
    const all = this.#terminal.getSelection()
    this.#terminal.clearSelection()
    return all
  }

  /** Byte offset of the line at the top of the view. */
  async offsetAtTop (read: ReadLog, signal?: AbortSignal): Promise<number> {
    return await this.#marks.offsetOfRow(this.#terminal.buffer.active.viewportY, read, signal)
  }

  #fit (): void {
    const size = this.#open.fit.proposeDimensions()
    if (size === undefined || Number.isNaN(size.cols)) return
    this.#terminal.resize(this.#isWrapped ? Math.max(20, size.cols) : UNWRAPPED_COLUMNS, Math.max(5, size.rows))
  }

  /** Resolves when xterm.js has processed everything written to it. */
  async #settled (signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => this.#terminal.write('', resolve))
    signal.throwIfAborted()
  }
}
