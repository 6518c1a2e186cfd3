import { TasksError, type TasksClient, type TaskStatus } from '../../../client/index.ts'
import { LogScreen, type ReadLog } from './log-screen.ts'
import { fromLineStart } from './rows.ts'

/** How much is loaded in one direction, in bytes. */
const STEP = 256 * 1024
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

/**
 * A log of any size: a stretch of it is loaded, around where somebody looks or at its end, where it grows. What
 * scrolls out of it is forgotten, and asked for again.
 */
export class LogView {
  readonly #client: TasksClient
  readonly #id: string
  readonly #onState: (state: LogState) => void
  readonly #screen: LogScreen
  readonly #closed = new AbortController()
  #state: LogState = { size: undefined, follows: true, wraps: true, loading: true, progress: undefined, problem: undefined }
  /** Ends what is loaded now, for another place. */
  #turn = new AbortController()
  /**
   * How what is loaded lies in the log. `at end`: what the log grows by is added. `apart`: what comes after it is loaded
   * when somebody goes there. `replaced`: another stretch is loaded just now, and that something scrolls means nothing.
   */
  #stretch: 'at end' | 'apart' | 'replaced' = 'replaced'
  /** Undefined: the task has not been seen to end. */
  #status: TaskStatus | null | undefined

  constructor (element: HTMLElement, client: TasksClient, id: string, onState: (state: LogState) => void) {
    this.#client = client
    this.#id = id
    this.#onState = onState
    this.#screen = new LogScreen(element, {
      onProgress: (progress) => this.#set({ progress }),
      onScroll: () => this.#onScroll(),
      onPush: (direction) => this.#onPush(direction)
    })
    document.addEventListener('visibilitychange', () => this.#onVisibility(), { signal: this.#closed.signal })
  }

  dispose (): void {
    this.#closed.abort()
    this.#turn.abort()
    this.#screen.dispose()
  }

  /** The end of the log, and what comes. */
  follow (): void {
    this.#set({ follows: true })
    if (this.#stretch === 'at end') this.#screen.scrollToEnd()
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
    this.#screen.scrollPages(pages)
  }

  toggleWrap (): void {
    const wraps = !this.#state.wraps
    const { follows } = this.#state
    this.#start(async (signal) => {
      const offset = await this.#screen.offsetAtTop(this.#read, signal)
      signal.throwIfAborted()
      this.#set({ wraps })
      this.#screen.wrap(wraps)
      if (follows) await this.#showEnd(signal)
      else await this.#showAround(offset, signal)
    })
  }

  /** What is selected, else all that is loaded. */
  text (): string {
    return this.#screen.text()
  }

  /** Byte offset of the line at the top. */
  async offsetAtTop (): Promise<number> {
    return await this.#screen.offsetAtTop(this.#read)
  }

  #set (change: Partial<LogState>): void {
    this.#state = { ...this.#state, ...change }
    if (!this.#closed.signal.aborted) this.#onState(this.#state)
  }

  /**
   * One thing at a time; the last one counts.
   * @param loading whether it is to be seen that something is loaded
   */
  #start (work: (signal: AbortSignal) => Promise<void>, { loading = true } = {}): void {
    this.#turn.abort()
    this.#turn = new AbortController()
    const { signal } = this.#turn
    this.#stretch = 'replaced'
    this.#set({ loading, problem: undefined })
    work(signal).catch((error: unknown) => {
      if (signal.aborted) return
      this.#stretch = 'apart'
      this.#set({ problem: error, loading: false })
    })
  }

  async #showEnd (signal: AbortSignal): Promise<void> {
    const size = await this.#client.logSize(this.#id, { signal }) ?? 0
    const part = await this.#read(Math.max(0, size - STEP), size, signal)
    await this.#screen.show(this.#screen.lastRows(fromLineStart(part)), signal)
    await this.#screen.settleAtEnd(signal)
    this.#set({ loading: false })
    await this.#grow(signal)
  }

  async #showAround (offset: number, signal: AbortSignal, found?: string): Promise<void> {
    const from = Math.max(0, offset - STEP)
    const { bytes } = await this.#read(from, offset + STEP, signal)
    // the log is another one than it was
    if (offset > (this.#state.size ?? 0)) return await this.#showEnd(signal)
    const cut = Math.min(bytes.length, offset - from)
    const before = this.#screen.lastRows(fromLineStart({ offset: from, bytes: bytes.subarray(0, cut) }))
    const after = this.#screen.firstRows({ offset: from + cut, bytes: bytes.subarray(cut) })
    await this.#screen.showAround(before, after, signal, found)
    this.#stretch = 'apart'
    this.#set({ loading: false })
    if (this.#screen.end >= (this.#state.size ?? 0)) await this.#grow(signal)
  }

  /** Adds what comes after what is loaded, as it comes. */
  async #grow (signal: AbortSignal): Promise<void> {
    this.#stretch = 'at end'
    const following = this.#client.followLog(this.#id, { position: this.#screen.end, signal })
    let received = 0
    let leaves = false
    while (!leaves) {
      const { value, done } = await following.next()
      if (done) {
        this.#status = value.status
        return
      }
      if (value.truncated === true) await this.#screen.show({ offset: 0, bytes: new Uint8Array(0) }, signal)
      else await this.#screen.append(value, signal)
      received += value.bytes.length
      this.#set({ size: Math.max(value.offset + value.bytes.length, value.truncated === true ? 0 : this.#state.size ?? 0) })
      if (!this.#state.follows) leaves = this.#screen.hidden.below > this.#screen.rows
      else if (received > MOST_BEHIND) {
        received = 0
        const size = await this.#client.logSize(this.#id, { signal }) ?? 0
        leaves = size - this.#screen.end > MOST_BEHIND
      }
    }
    following.return({ status: null }).catch(() => {})
    // when following, skip output that arrives too fast; otherwise it is loaded on scroll
    if (this.#state.follows) this.#start((signal) => this.#showEnd(signal), { loading: false })
    else this.#stretch = 'apart'
  }

  #onScroll (): void {
    if (this.#stretch === 'replaced') return
    const { above, below } = this.#screen.hidden
    if (this.#state.follows && below > 0) this.#set({ follows: false })
    else if (!this.#state.follows && below === 0 && this.#stretch === 'at end') this.#set({ follows: true })
    // around the line at the top, which stays there: what is added at the end of the terminal makes it run along
    if ((above < NEAR && this.#hasBefore) || (below < NEAR && this.#hasAfter)) {
      this.#start(async (signal) => await this.#showAround(await this.#screen.offsetAtTop(this.#read, signal), signal))
    }
  }

  /** Where there is perhaps nothing to scroll: a row may stand for very many bytes. */
  #onPush (direction: number): void {
    if (this.#stretch === 'replaced') return
    const { above, below } = this.#screen.hidden
    if (direction > 0 && below === 0) {
      if (this.#stretch === 'at end') this.#set({ follows: true })
      else this.#goOn()
    } else if (direction < 0 && above === 0 && this.#hasBefore) {
      this.#set({ follows: false })
      const { beginning } = this.#screen
      this.#start((signal) => this.#showAround(beginning!, signal))
    }
  }

  get #hasBefore (): boolean {
    return (this.#screen.beginning ?? 0) > 0
  }

  /** Whether something may come after what is loaded, and is not waited for. */
  get #hasAfter (): boolean {
    return this.#stretch !== 'at end' && (this.#status === undefined || this.#screen.end < (this.#state.size ?? 0))
  }

  #goOn (): void {
    if (this.#hasAfter) this.#start((signal) => this.#grow(signal), { loading: false })
  }

  /** A page that nobody sees leaves the browser's few connections to others; nothing is lost by that. */
  #onVisibility (): void {
    if (this.#status !== undefined) return
    if (document.hidden && this.#stretch === 'at end') {
      this.#turn.abort()
      this.#stretch = 'apart'
    } else if (!document.hidden && this.#stretch === 'apart') {
      if (this.#state.follows) this.follow()
      else this.#goOn()
    }
  }

  readonly #read: ReadLog = async (start, end, signal) => {
    if (start >= end) return { offset: start, bytes: new Uint8Array(0) }
    try {
      const log = await this.#client.readLog(this.#id, { start, end, signal })
      this.#set({ size: log?.size })
      return { offset: start, bytes: log === undefined ? new Uint8Array(0) : new Uint8Array(await new Response(log.body).arrayBuffer()) }
    } catch (error) {
      if (error instanceof TasksError && error.code === 'FST_TASKS_NOT_FOUND') return { offset: start, bytes: new Uint8Array(0) }
      throw error
    }
  }
}
