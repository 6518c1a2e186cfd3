import type { TasksClient } from '../../../client/index.ts'
import { emptyBytes, fromLineStart } from './log-bytes.ts'
import { LogScreen, type Progress } from './log-screen.ts'
import { LogSource } from './log-source.ts'
import type { ReadLog } from './offset-marks.ts'
import { afterScroll, afterScrollAttempt, type ScrollPosition, type SectionPhase } from './scroll-rules.ts'

/** Number of bytes to load in each direction. */
const LOAD_BYTES = 256 * 1024
/** How far a following view may be behind the end of the log before it skips to the end, in bytes. */
const MAX_LAG_BYTES = 2 * 1024 * 1024

export interface LogState {
  /** Undefined if there is no log yet. */
  readonly size: number | undefined
  /** Whether the view stays at the end of the log while output is added. */
  readonly follows: boolean
  readonly wraps: boolean
  readonly loading: boolean
  readonly progress: Progress
  /** The error of the last load. */
  readonly error: unknown
}

/**
 * Shows a log of any size. A section of it is loaded: around an offset, or at the end of the log, where new output is
 * appended. Scrolling to the edge of the section loads the next one.
 */
export class LogView {
  readonly #onState: (state: LogState) => void
  readonly #source: LogSource
  readonly #screen: LogScreen
  readonly #closed = new AbortController()
  #state: LogState = { size: undefined, follows: true, wraps: true, loading: true, progress: undefined, error: undefined }
  #phase: SectionPhase = 'loading'
  /** Aborts the load or the live output in progress. */
  #work = new AbortController()
  /** Whether the task has finished and all its output was appended. */
  #isFinished = false

  constructor (element: HTMLElement, client: TasksClient, id: string, onState: (state: LogState) => void) {
    this.#onState = onState
    this.#source = new LogSource(client, id, (size) => this.#update({ size }))
    this.#screen = new LogScreen(element, {
      onProgress: (progress) => this.#update({ progress }),
      onScroll: () => this.#onScroll(),
      onScrollAttempt: (direction) => this.#onScrollAttempt(direction)
    })
    document.addEventListener('visibilitychange', () => this.#onVisibilityChange(), { signal: this.#closed.signal })
  }

  dispose (): void {
    this.#closed.abort()
    this.#work.abort()
    this.#screen.dispose()
  }

  /** Shows the end of the log and stays there while output is added. */
  follow (): void {
    this.#update({ follows: true })
    if (this.#phase === 'live') this.#screen.scrollToEnd()
    else this.#start((signal) => this.#showEnd(signal))
  }

  /** Stays at the current lines while output is added. */
  unfollow (): void {
    this.#update({ follows: false })
  }

  /** @param text to be highlighted in the line at the offset */
  showAt (offset: number, text?: string): void {
    this.#update({ follows: false })
    this.#start((signal) => this.#showAround(offset, signal, text))
  }

  scrollPages (pages: number): void {
    this.#screen.scrollPages(pages)
  }

  toggleWrap (): void {
    const wraps = !this.#state.wraps
    const { follows } = this.#state
    this.#start(async (signal) => {
      const offset = await this.#screen.offsetAtTop(this.#read, signal)
      signal.throwIfAborted()
      this.#update({ wraps })
      this.#screen.setWrapped(wraps)
      if (follows) await this.#showEnd(signal)
      else await this.#showAround(offset, signal)
    })
  }

  /** The selected text, or all that is loaded. */
  text (): string {
    return this.#screen.text()
  }

  /** Byte offset of the line at the top of the view. */
  async offsetAtTop (): Promise<number> {
    return await this.#screen.offsetAtTop(this.#read)
  }

  readonly #read: ReadLog = (start, end, signal) => this.#source.read(start, end, signal)

  #update (change: Partial<LogState>): void {
    this.#state = { ...this.#state, ...change }
    if (!this.#closed.signal.aborted) this.#onState(this.#state)
  }

  /**
   * Replaces the work in progress.
   * @param options.loading whether to show that something is being loaded
   */
  #start (work: (signal: AbortSignal) => Promise<void>, { loading = true } = {}): void {
    this.#work.abort()
    this.#work = new AbortController()
    const { signal } = this.#work
    this.#phase = 'loading'
    this.#update({ loading, error: undefined })
    work(signal).catch((error: unknown) => {
      if (signal.aborted) return
      this.#phase = 'detached'
      this.#update({ error, loading: false })
    })
  }

  async #showEnd (signal: AbortSignal): Promise<void> {
    const size = await this.#source.size(signal)
    const part = await this.#read(Math.max(0, size - LOAD_BYTES), size, signal)
    await this.#screen.show(this.#screen.lastRows(fromLineStart(part)), signal)
    await this.#screen.settleAtEnd(signal)
    this.#update({ loading: false })
    await this.#appendOutput(signal)
  }

  async #showAround (offset: number, signal: AbortSignal, text?: string): Promise<void> {
    const start = Math.max(0, offset - LOAD_BYTES)
    const { bytes } = await this.#read(start, offset + LOAD_BYTES, signal)
    // the log was truncated
    if (offset > (this.#state.size ?? 0)) return await this.#showEnd(signal)
    const split = Math.min(bytes.length, offset - start)
    const before = this.#screen.lastRows(fromLineStart({ offset: start, bytes: bytes.subarray(0, split) }))
    const after = this.#screen.firstRows({ offset: start + split, bytes: bytes.subarray(split) })
    await this.#screen.showAround(before, after, signal, text)
    this.#phase = 'detached'
    this.#update({ loading: false })
    if (this.#screen.end >= (this.#state.size ?? 0)) await this.#appendOutput(signal)
  }

  /** Appends new output until the task has finished, or until it exceeds what the view shows. */
  async #appendOutput (signal: AbortSignal): Promise<void> {
    this.#phase = 'live'
    const output = this.#source.follow(this.#screen.end, signal)
    let received = 0
    for (let isAhead = false; !isAhead;) {
      const { value, done } = await output.next()
      if (done) {
        this.#isFinished = true
        return
      }
      if (value.truncated === true) await this.#screen.show(emptyBytes(0), signal)
      else await this.#screen.append(value, signal)
      this.#update({ size: Math.max(value.offset + value.bytes.length, value.truncated === true ? 0 : this.#state.size ?? 0) })
      received += value.bytes.length
      if (!this.#state.follows) isAhead = this.#screen.hidden.below > this.#screen.rowsPerSide
      else if (received > MAX_LAG_BYTES) {
        received = 0
        isAhead = await this.#source.size(signal) - this.#screen.end > MAX_LAG_BYTES
      }
    }
    output.return({ status: null }).catch(() => {})
    // when following, skip output that arrives too fast; otherwise it is loaded on scroll
    if (this.#state.follows) this.#start((signal) => this.#showEnd(signal), { loading: false })
    else this.#phase = 'detached'
  }

  get #position (): ScrollPosition {
    const { size = 0, follows } = this.#state
    return {
      phase: this.#phase,
      follows,
      ...this.#screen.hidden,
      hasBefore: this.#screen.start > 0,
      hasAfter: this.#phase !== 'live' && (!this.#isFinished || this.#screen.end < size)
    }
  }

  #onScroll (): void {
    const { follows, load } = afterScroll(this.#position)
    if (follows !== this.#state.follows) this.#update({ follows })
    // around the line at the top, which stays in place: bytes added at the end of the terminal would scroll it
    if (load) this.#start(async (signal) => await this.#showAround(await this.#screen.offsetAtTop(this.#read, signal), signal))
  }

  #onScrollAttempt (direction: number): void {
    const action = afterScrollAttempt(this.#position, direction)
    if (action === 'follow') this.#update({ follows: true })
    else if (action === 'load-after') this.#resumeOutput()
    else if (action === 'load-before') {
      const { start } = this.#screen
      this.#update({ follows: false })
      this.#start((signal) => this.#showAround(start, signal))
    }
  }

  #resumeOutput (): void {
    this.#start((signal) => this.#appendOutput(signal), { loading: false })
  }

  /** A hidden page closes its connection, because a browser allows only a few per server. The offset is kept. */
  #onVisibilityChange (): void {
    if (this.#isFinished) return
    if (document.hidden && this.#phase === 'live') {
      this.#work.abort()
      this.#phase = 'detached'
    } else if (!document.hidden && this.#phase === 'detached') {
      if (this.#state.follows) this.follow()
      else this.#resumeOutput()
    }
  }
}
