import type { IMarker, Terminal } from '@xterm/xterm'
import { firstRows, lastRows, offsetOfLine, offsetOfLineBefore, piecesOf, type LogPart } from './rows.ts'
import { openTerminal, type OpenTerminal } from './xterm.ts'

/** Rows that the terminal keeps; beyond that, the oldest go. */
const KEPT_ROWS = { wrapped: 10_000, unwrapped: 2_500 }
/** Of a line that is not to be wrapped. */
const WIDE_COLUMNS = 500
/** Distance between byte-offset markers, in bytes. */
const MARK_EVERY = 16 * 1024
/** Bytes that xterm.js may have before it, not worked in yet. */
const MOST_PENDING = 512 * 1024

export interface ScreenEvents {
  /** What the command tells of its progress (OSC 9;4): 0 to 100, or `busy`. */
  readonly onProgress: (progress: number | 'busy' | undefined) => void
  readonly onScroll: () => void
  /** Somebody wants to go further up (-1) or down (1), where there is perhaps nothing to scroll. */
  readonly onPush: (direction: number) => void
}

/** Gives bytes of the log; fewer where it has fewer. */
export type ReadLog = (start: number, end: number, signal: AbortSignal | undefined) => Promise<LogPart>

interface Mark {
  readonly offset: number
  readonly marker: IMarker
}

/** A section of a log shown in xterm.js, with a mapping from rows to byte offsets. */
export class LogScreen {
  readonly #events: ScreenEvents
  readonly #open: OpenTerminal
  readonly #terminal: Terminal
  readonly #closed = new AbortController()
  readonly #resized: ResizeObserver
  #wraps = true
  #marks: Mark[] = []
  #end = 0
  #pending = 0

  constructor (element: HTMLElement, events: ScreenEvents) {
    this.#events = events
    this.#open = openTerminal(element, KEPT_ROWS.wrapped)
    this.#terminal = this.#open.terminal
    this.#open.progress.onChange(({ state, value }) => events.onProgress(state === 0 ? undefined : state === 3 ? 'busy' : value))
    this.#resized = new ResizeObserver(() => this.#fit())
    this.#resized.observe(element)
    this.#terminal.onScroll(() => events.onScroll())
    element.addEventListener('wheel', ({ deltaY }) => events.onPush(deltaY), { passive: true, signal: this.#closed.signal })
    this.#terminal.attachCustomKeyEventHandler(() => false)
    this.#fit()
  }

  dispose (): void {
    this.#closed.abort()
    this.#resized.disconnect()
    this.#open.dispose()
  }

  /** Byte offset after what it has. */
  get end (): number {
    return this.#end
  }

  /** Byte offset of the first place that is known; undefined: there is none. */
  get beginning (): number | undefined {
    return this.#alive()[0]?.offset
  }

  /** How many rows are before the one at the top, and behind the one at the bottom. */
  get hidden (): { above: number, below: number } {
    const { baseY, viewportY } = this.#terminal.buffer.active
    return { above: viewportY, below: baseY - viewportY }
  }

  /** So many rows it takes on each side of a place. */
  get rows (): number {
    return Math.floor(this.#terminal.options.scrollback! * 0.4)
  }

  /** As much of a part as it takes before a place. */
  lastRows (part: LogPart): LogPart {
    return lastRows(part, this.rows, this.#terminal.cols)
  }

  /** As much as it takes after one. */
  firstRows (part: LogPart): LogPart {
    return firstRows(part, this.rows, this.#terminal.cols)
  }

  /** What it has is to be shown again then. */
  wrap (wraps: boolean): void {
    this.#wraps = wraps
    this.#terminal.options.scrollback = wraps ? KEPT_ROWS.wrapped : KEPT_ROWS.unwrapped
    this.#fit()
  }

  /** Has that part, and nothing else. */
  async show (part: LogPart, signal: AbortSignal): Promise<void> {
    // what was given before must not come after
    await this.#settled(signal)
    for (const { marker } of this.#marks) marker.dispose()
    // it scrolls, and nothing is to be loaded for that
    this.#marks = []
    this.#terminal.reset()
    this.#end = part.offset
    this.#events.onProgress(undefined)
    this.#mark()
    await this.append(part, signal)
    await this.#settled(signal)
  }

  /**
   * Has these two parts, with the beginning of the second one at the top.
   * @param found a text in the line that begins there, to be marked
   */
  async showAround (before: LogPart, after: LogPart, signal: AbortSignal, found?: string): Promise<void> {
    await this.show(before, signal)
    const place = this.#terminal.registerMarker(0)
    await this.append(after, signal)
    await this.#settled(signal)
    await this.#scrollTo(place.line, signal)
    if (found !== undefined) await this.#highlight(place.line, found, signal)
    place.dispose()
  }

  /** Adds what comes next in the log. Resolves when it can take more. */
  async append (part: LogPart, signal: AbortSignal): Promise<void> {
    for (const { offset, bytes } of piecesOf(part, MARK_EVERY)) {
      this.#pending += bytes.length
      const written = new Promise<void>((resolve) => {
        this.#terminal.write(bytes, () => {
          this.#pending -= bytes.length
          if (!signal.aborted) {
            this.#end = offset + bytes.length
            this.#mark()
          }
          resolve()
        })
      })
      if (this.#pending > MOST_PENDING) await written
      signal.throwIfAborted()
    }
  }

  scrollToEnd (): void {
    this.#terminal.scrollToBottom()
  }

  /** The same, once all that was shown is drawn. */
  async settleAtEnd (signal: AbortSignal): Promise<void> {
    await this.#scrollTo(Infinity, signal)
  }

  scrollPages (pages: number): void {
    this.#terminal.scrollPages(pages)
    this.#events.onPush(pages)
  }

  /** What is selected, else all that it has. */
  text (): string {
    const selected = this.#terminal.getSelection()
    if (selected !== '') return selected
    this.#terminal.selectAll()
    const all = this.#terminal.getSelection()
    this.#terminal.clearSelection()
    return all
  }

  /** Byte offset of the line at the top. */
  async offsetAtTop (read: ReadLog, signal?: AbortSignal): Promise<number> {
    const { viewportY } = this.#terminal.buffer.active
    const marks = this.#alive()
    const mark = marks.findLast(({ marker }) => marker.line <= viewportY)
    if (mark !== undefined) {
      const line = this.#linesBetween(mark.marker.line, viewportY)
      if (line === 0) return mark.offset
      const { bytes } = await read(mark.offset, mark.offset + 4 * MARK_EVERY, signal)
      return mark.offset + (offsetOfLine(bytes, line) ?? 0)
    }
    // the rows before the first mark that is left
    const first = marks[0]
    if (first === undefined) return 0
    const lines = this.#linesBetween(viewportY, first.marker.line)
    const { offset, bytes } = await read(Math.max(0, first.offset - 4 * MARK_EVERY), first.offset, signal)
    return offset + (offsetOfLineBefore(bytes, lines) ?? 0)
  }

  /** How many lines begin behind one row, up to the other. */
  #linesBetween (from: number, to: number): number {
    let lines = 0
    for (let row = from + 1; row <= to; row++) {
      if (this.#terminal.buffer.active.getLine(row)?.isWrapped === false) lines++
    }
    return lines
  }

  #fit (): void {
    const size = this.#open.fit.proposeDimensions()
    if (size === undefined || Number.isNaN(size.cols)) return
    this.#terminal.resize(this.#wraps ? Math.max(20, size.cols) : WIDE_COLUMNS, Math.max(5, size.rows))
  }

  /** Resolves when xterm.js has worked in all that it was given. */
  async #settled (signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => this.#terminal.write('', resolve))
    signal.throwIfAborted()
  }

  #mark (): void {
    const marker = this.#terminal.registerMarker(0)
    if (marker !== undefined) this.#marks.push({ offset: this.#end, marker })
    if (this.#marks.length > 2000) this.#marks = this.#alive()
  }

  #alive (): Mark[] {
    return this.#marks.filter(({ marker }) => !marker.isDisposed && marker.line >= 0)
  }

  /** xterm.js brings its scroll bar in line with what it holds in the next frame; before that, it goes elsewhere. */
  async #scrollTo (line: number, signal: AbortSignal): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      await nextFrame()
      signal.throwIfAborted()
      const { baseY, viewportY } = this.#terminal.buffer.active
      if (viewportY === Math.min(line, baseY) && tries > 1) return
      this.#terminal.scrollToLine(Math.min(line, baseY))
    }
  }

  /** @param row where the line begins */
  async #highlight (row: number, text: string, signal: AbortSignal): Promise<void> {
    const { cols, buffer: { active } } = this.#terminal
    let line = active.getLine(row)?.translateToString() ?? ''
    for (let next = row + 1; active.getLine(next)?.isWrapped === true; next++) line += active.getLine(next)!.translateToString()
    const at = line.toLowerCase().indexOf(text.toLowerCase())
    const found = at === -1 ? row : row + Math.floor(at / cols)
    if (at !== -1) {
      const marker = this.#terminal.registerMarker(found - active.baseY - active.cursorY)
      const width = Math.min(text.length, cols - at % cols)
      this.#terminal.registerDecoration({ marker, x: at % cols, width, backgroundColor: '#f2cc60', foregroundColor: '#1f2328', layer: 'top' })
    }
    await this.#scrollTo(Math.max(0, found - 3), signal)
  }
}

/** A page that nobody sees has no frames. */
function nextFrame (): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 100)
    requestAnimationFrame(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
