import type { IMarker, Terminal } from '@xterm/xterm'
import { TasksError, type TasksClient, type TaskStatus } from '../../../client/index.ts'
import { firstRows, fromLineStart, lastRows, offsetOfLine, offsetOfLineBefore, piecesOf, type LogPart } from './rows.ts'
import { openTerminal, type OpenTerminal } from './xterm.ts'

/** Rows that the terminal keeps; beyond that, the oldest go, and are loaded again when somebody scrolls to them. */
const KEPT_ROWS = { wrapped: 10_000, unwrapped: 2_500 }
/** Of a line that is not to be wrapped. */
const WIDE_COLUMNS = 500
/** How much is loaded in one direction, in bytes. */
const STEP = 256 * 1024
/** How far apart the places are of which it is known where in the log they are, in bytes. */
const MARK_EVERY = 16 * 1024
/** Bytes that xterm.js may have before it, not worked in yet. */
const MOST_PENDING = 512 * 1024
/** How far the view may lag behind the log before it leaves out what is between, in bytes. */
const MOST_BEHIND = 2 * 1024 * 1024
/** So many rows from the end of what is loaded, more is loaded. */
const NEAR = 40

export interface LogState {
  /** Undefined: there is no log yet. */
  readonly size: number | undefined
  /** New output is shown as it comes. */
  readonly follows: boolean
  readonly wraps: boolean
  readonly loading: boolean
  /** What the command tells of its progress (OSC 9;4): 0 to 100, or `busy`. */
  readonly progress: number | 'busy' | undefined
  readonly problem: unknown
}

interface Mark {
  readonly offset: number
  readonly marker: IMarker
}

/**
 * A log of any size in a terminal: a stretch of it is loaded, around where somebody looks or at its end, where it
 * grows. What scrolls out of it is forgotten, and asked for again.
 */
export class LogView {
  readonly #client: TasksClient
  readonly #id: string
  readonly #onState: (state: LogState) => void
  readonly #open: OpenTerminal
  readonly #terminal: Terminal
  readonly #closed = new AbortController()
  readonly #resized: ResizeObserver
  #state: LogState = { size: undefined, follows: true, wraps: true, loading: true, progress: undefined, problem: undefined }
  #marks: Mark[] = []
  /** Byte offset after what is loaded. */
  #end = 0
  /** Whether what comes next in the log is loaded as it comes. */
  #grows = false
  #pending = 0
  /** Ends what is loaded now, for another place. */
  #turn = new AbortController()
  #busy = false
  #status: TaskStatus | null | undefined

  constructor (element: HTMLElement, client: TasksClient, id: string, onState: (state: LogState) => void) {
    this.#client = client
    this.#id = id
    this.#onState = onState
    this.#open = openTerminal(element, KEPT_ROWS.wrapped)
    this.#terminal = this.#open.terminal
    this.#open.progress.onChange(({ state, value }) => {
      this.#set({ progress: state === 0 ? undefined : state === 3 ? 'busy' : value })
    })
    this.#resized = new ResizeObserver(() => this.#fit())
    this.#resized.observe(element)
    this.#terminal.onScroll(() => this.#onScroll())
    element.addEventListener('wheel', ({ deltaY }) => this.#push(deltaY), { passive: true, signal: this.#closed.signal })
    this.#terminal.attachCustomKeyEventHandler(() => false)
    document.addEventListener('visibilitychange', this.#onVisibility)
    this.#fit()
  }

  dispose (): void {
    this.#closed.abort()
    this.#turn.abort()
    this.#resized.disconnect()
    document.removeEventListener('visibilitychange', this.#onVisibility)
    this.#open.dispose()
  }

  /** The end of the log, and what comes. */
  follow (): void {
    this.#set({ follows: true })
    if (this.#grows) this.#terminal.scrollToBottom()
    else this.#start((signal) => this.#showEnd(signal))
  }

  /** Stays where it is. */
  stay (): void {
    this.#set({ follows: false })
  }

  /** @param found a text in the line that begins there, to be marked */
  showAt (offset: number, found?: string): void {
    this.#set({ follows: false })
    this.#start((signal) => this.#showAround(offset, signal, found))
  }

  scrollPages (pages: number): void {
    this.#terminal.scrollPages(pages)
    this.#push(pages)
  }

  toggleWrap (): void {
    const wraps = !this.#state.wraps
    const { follows } = this.#state
    this.#start(async (signal) => {
      const offset = await this.offsetAtTop(signal)
      signal.throwIfAborted()
      this.#set({ wraps })
      this.#terminal.options.scrollback = wraps ? KEPT_ROWS.wrapped : KEPT_ROWS.unwrapped
      this.#fit()
      if (follows) await this.#showEnd(signal)
      else await this.#showAround(offset, signal)
    })
  }

  /** What is selected, else all that is loaded. */
  text (): string {
    const selected = this.#terminal.getSelection()
    if (selected !== '') return selected
    this.#terminal.selectAll()
    const all = this.#terminal.getSelection()
    this.#terminal.clearSelection()
    return all
  }

  /** Byte offset of the line at the top. */
  async offsetAtTop (signal?: AbortSignal): Promise<number> {
    const { viewportY } = this.#terminal.buffer.active
    const marks = this.#alive()
    const mark = marks.findLast(({ marker }) => marker.line <= viewportY)
    if (mark !== undefined) {
      const line = this.#linesBetween(mark.marker.line, viewportY)
      if (line === 0) return mark.offset
      const { bytes } = await this.#bytes(mark.offset, mark.offset + 4 * MARK_EVERY, signal)
      return mark.offset + (offsetOfLine(bytes, line) ?? 0)
    }
    // the rows before the first mark that is left
    const first = marks[0]
    if (first === undefined) return 0
    const lines = this.#linesBetween(viewportY, first.marker.line)
    const { offset, bytes } = await this.#bytes(Math.max(0, first.offset - 4 * MARK_EVERY), first.offset, signal)
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

  #set (change: Partial<LogState>): void {
    this.#state = { ...this.#state, ...change }
    if (!this.#closed.signal.aborted) this.#onState(this.#state)
  }

  #fit (): void {
    const size = this.#open.fit.proposeDimensions()
    if (size === undefined || Number.isNaN(size.cols)) return
    this.#terminal.resize(this.#state.wraps ? Math.max(20, size.cols) : WIDE_COLUMNS, Math.max(5, size.rows))
  }

  /** One thing at a time; the last one counts. */
  #start (work: (signal: AbortSignal) => Promise<void>, { busy = true, loading = busy }: { busy?: boolean, loading?: boolean } = {}): void {
    this.#turn.abort()
    this.#turn = new AbortController()
    const { signal } = this.#turn
    this.#busy = busy
    this.#grows = false
    this.#set({ loading, problem: undefined })
    work(signal).catch((error: unknown) => {
      if (signal.aborted) return
      this.#grows = false
      this.#set({ problem: error, loading: false })
    }).finally(() => {
      if (!signal.aborted) this.#busy = false
    })
  }

  async #showEnd (signal: AbortSignal): Promise<void> {
    const size = await this.#client.logSize(this.#id, { signal }) ?? 0
    const part = await this.#bytes(Math.max(0, size - STEP), size, signal)
    await this.#show(this.#lastRows(fromLineStart(part)), signal)
    await this.#scrollTo(Infinity, signal)
    this.#ready()
    await this.#grow(signal)
  }

  async #showAround (offset: number, signal: AbortSignal, found?: string): Promise<void> {
    const from = Math.max(0, offset - STEP)
    const part = await this.#bytes(from, offset + STEP, signal)
    // the log is another one than it was
    if (offset > (this.#state.size ?? 0)) return await this.#showEnd(signal)
    const cut = Math.min(part.bytes.length, offset - from)
    const before = this.#lastRows(fromLineStart({ offset: from, bytes: part.bytes.subarray(0, cut) }))
    const after = firstRows({ offset: from + cut, bytes: part.bytes.subarray(cut) }, this.#rows, this.#terminal.cols)
    await this.#show(before, signal)
    const place = this.#terminal.registerMarker(0)
    await this.#write(after, signal)
    await this.#scrollTo(place.line, signal)
    if (found !== undefined) await this.#highlight(place.line, found, signal)
    place.dispose()
    this.#ready()
    if (this.#end >= (this.#state.size ?? 0)) await this.#grow(signal)
  }

  /** Forgets what was loaded. */
  async #show (part: LogPart, signal: AbortSignal): Promise<void> {
    // what was given before must not come after
    await new Promise<void>((resolve) => this.#terminal.write('', resolve))
    signal.throwIfAborted()
    for (const { marker } of this.#marks) marker.dispose()
    // it scrolls, and nothing is to be loaded for that
    this.#marks = []
    this.#terminal.reset()
    this.#end = part.offset
    this.#set({ progress: undefined })
    this.#mark()
    await this.#write(part, signal)
  }

  #ready (): void {
    this.#busy = false
    this.#set({ loading: false })
  }

  /** Takes what the log grows by. */
  async #grow (signal: AbortSignal): Promise<void> {
    this.#grows = true
    let received = 0
    const following = this.#client.followLog(this.#id, { position: this.#end, signal })
    for (;;) {
      const { value, done } = await following.next()
      if (done) {
        this.#status = value.status
        return
      }
      if (value.restarted === true) await this.#show({ offset: 0, bytes: new Uint8Array(0) }, signal)
      else await this.#write(value, signal)
      received += value.bytes.length
      this.#set({ size: Math.max(value.offset + value.bytes.length, value.restarted === true ? 0 : this.#state.size ?? 0) })
      if (this.#state.follows && received > MOST_BEHIND) {
        received = 0
        const size = await this.#client.logSize(this.#id, { signal }) ?? 0
        // who looks at the end need not see all that rushes by; it can be scrolled back to
        if (size - this.#end > MOST_BEHIND) {
          following.return({ status: null }).catch(() => {})
          return this.#start((signal) => this.#showEnd(signal), { loading: false })
        }
      } else if (!this.#state.follows && this.#rowsBelow() > this.#rows) {
        // nobody looks at it: it is loaded when somebody comes there
        this.#grows = false
        following.return({ status: null }).catch(() => {})
        return
      }
    }
  }

  /** Resolves when the terminal can take more. */
  async #write (part: LogPart, signal: AbortSignal): Promise<void> {
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
    if (!this.#grows) await new Promise<void>((resolve) => this.#terminal.write('', resolve))
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

  get #rows (): number {
    return Math.floor(this.#terminal.options.scrollback! * 0.4)
  }

  #lastRows (part: LogPart): LogPart {
    return lastRows(part, this.#rows, this.#terminal.cols)
  }

  #rowsBelow (): number {
    const { baseY, viewportY } = this.#terminal.buffer.active
    return baseY - viewportY
  }

  #onScroll (): void {
    if (this.#busy) return
    const below = this.#rowsBelow()
    if (this.#state.follows && below > 0) this.#set({ follows: false })
    else if (!this.#state.follows && below === 0 && this.#grows) this.#set({ follows: true })
    const { viewportY } = this.#terminal.buffer.active
    const first = this.#alive()[0]
    if (viewportY < NEAR && first !== undefined && first.offset > 0) this.#reload()
    // not by adding to it: at its end, the terminal would run along
    else if (below < NEAR && this.#hasMore) this.#reload()
  }

  /** Loads what lies around the line at the top, and keeps that there. */
  #reload (): void {
    this.#start(async (signal) => await this.#showAround(await this.offsetAtTop(signal), signal))
  }

  /** Whether something may come after what is loaded, and is not waited for. */
  get #hasMore (): boolean {
    return !this.#grows && (this.#status === undefined || this.#end < (this.#state.size ?? 0))
  }

  /** Adds what comes after what is loaded. */
  #goOn (): void {
    if (this.#hasMore) this.#start((signal) => this.#grow(signal), { busy: false })
  }

  /** Somebody wants to go further, where there is perhaps nothing to scroll: a row may stand for very many bytes. */
  #push (direction: number): void {
    if (this.#busy) return
    const first = this.#alive()[0]
    if (direction > 0 && this.#rowsBelow() === 0) {
      if (this.#grows) this.#set({ follows: true })
      else this.#goOn()
    } else if (direction < 0 && this.#terminal.buffer.active.viewportY === 0 && first !== undefined && first.offset > 0) {
      this.#set({ follows: false })
      this.#start((signal) => this.#showAround(first.offset, signal))
    }
  }

  /** A page that nobody sees leaves the browser's few connections to others; nothing is lost by that. */
  readonly #onVisibility = (): void => {
    if (document.hidden) {
      if (!this.#grows || this.#status !== undefined) return
      this.#turn.abort()
      this.#grows = false
      this.#busy = false
    } else if (!this.#grows && !this.#busy && this.#status === undefined) {
      if (this.#state.follows) this.follow()
      else this.#goOn()
    }
  }

  /** Bytes of the log; fewer where it has fewer. */
  async #bytes (start: number, end: number, signal: AbortSignal | undefined): Promise<LogPart> {
    if (start >= end) return { offset: start, bytes: new Uint8Array(0) }
    try {
      const log = await this.#client.log(this.#id, { position: start, length: end - start, signal })
      this.#set({ size: log?.size })
      return { offset: start, bytes: log === undefined ? new Uint8Array(0) : new Uint8Array(await new Response(log.body).arrayBuffer()) }
    } catch (error) {
      if (error instanceof TasksError && error.code === 'FST_TASKS_NOT_FOUND') return { offset: start, bytes: new Uint8Array(0) }
      throw error
    }
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
