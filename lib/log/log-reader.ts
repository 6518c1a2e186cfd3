import { LogFingerprint, sameBytes } from '../shared/fingerprint.ts'
import type { LogContent, LogStore } from '../store.ts'
import { Overlap } from './overlap.ts'
import { readRange } from './read-range.ts'

/** Consecutive bytes of a log. */
export interface LogPiece {
  /** Byte offset of the first byte. */
  readonly offset: number
  /** Empty if the log was truncated. */
  readonly bytes: Buffer
  /** The log shrank or was rewritten: discard the bytes received so far and continue at `offset`. */
  readonly truncated?: true
}

/** `at-end`: all bytes were read. `interrupted`: there may be more, read again. */
export type ReadResult = 'at-end' | 'interrupted'

/** A truncation that has not been handled: detected by the reader itself, reported by the store, or both. */
type Truncation = 'none' | 'detected' | 'reported' | 'both'

const AFTER_DETECTION: Record<Truncation, Truncation> = { none: 'detected', detected: 'detected', reported: 'both', both: 'both' }
const AFTER_REPORT: Record<Truncation, Truncation> = { none: 'reported', detected: 'both', reported: 'reported', both: 'both' }

/** Reads one log from a position on, as often as it is called, and detects that the log was truncated. */
export class LogReader {
  readonly #store: LogStore
  readonly #taskId: string
  #read: LogFingerprint
  #truncation: Truncation = 'none'

  constructor (store: LogStore, taskId: string, position: number) {
    this.#store = store
    this.#taskId = taskId
    this.#read = new LogFingerprint(position)
  }

  /** Byte offset after the last byte that was read. */
  get position (): number {
    return this.#read.position
  }

  /** The store reported that the log was truncated. It interrupts a read in progress. */
  reportTruncation (): void {
    this.#truncation = AFTER_REPORT[this.#truncation]
  }

  /** Whether the next byte is at this offset, and there is no truncation to handle. */
  isAt (offset: number): boolean {
    return this.position === offset && !this.#isReported
  }

  /** The next bytes were read elsewhere. Call it only at the position. */
  advance (bytes: Buffer): void {
    this.#read.advance(bytes)
  }

  /** @param end byte offset up to which to read; `Infinity`: the end of the log */
  async * read (signal: AbortSignal, end = Infinity): AsyncGenerator<LogPiece, ReadResult, undefined> {
    if (this.#isReported) {
      const truncation = this.#truncation
      this.#truncation = 'none'
      // the report may belong to the truncation that was detected
      if (truncation === 'reported' || !await this.#beginsAsRead()) yield this.#restart()
    }
    const { position, last } = this.#read
    const [from, to] = [position - last.length, Math.max(position, end)]
    if (from === to) return 'at-end'
    const log = await this.#store.readLog(this.#taskId, { start: from, ...(to !== Infinity && { end: to }) })
    if (log === undefined || log.size < position) {
      log?.body.destroy()
      if (position === 0) return 'at-end'
      this.#truncation = AFTER_DETECTION[this.#truncation]
      yield this.#restart()
      return log === undefined ? 'at-end' : 'interrupted'
    }
    try {
      return yield * this.#readBody(log.body, signal)
    } catch (error) {
      // the body of a log that is truncated during the read fails
      if (!await this.#hasChangedSince(log)) throw error
      return 'interrupted'
    }
  }

  async * #readBody (body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<LogPiece, ReadResult, undefined> {
    const overlap = new Overlap(this.#read.last)
    for await (const chunk of body) {
      // after a truncation the rest may belong to another log than the beginning
      if (this.#isReported || signal.aborted) return 'interrupted'
      const bytes = overlap.remove(chunk)
      if (bytes === undefined) {
        this.#truncation = AFTER_DETECTION[this.#truncation]
        yield this.#restart()
        return 'interrupted'
      }
      if (bytes.length === 0) continue
      const offset = this.#read.position
      this.#read.advance(bytes)
      yield { offset, bytes }
    }
    return 'at-end'
  }

  get #isReported (): boolean {
    return this.#truncation === 'reported' || this.#truncation === 'both'
  }

  #restart (): LogPiece {
    this.#read = new LogFingerprint()
    return { offset: 0, bytes: Buffer.alloc(0), truncated: true }
  }

  async #beginsAsRead (): Promise<boolean> {
    const { first } = this.#read
    const bytes = await readRange(this.#store, this.#taskId, 0, first.length)
    return sameBytes(bytes ?? Buffer.alloc(0), first)
  }

  async #hasChangedSince ({ etag }: LogContent): Promise<boolean> {
    const log = await this.#store.readLog(this.#taskId, { start: 0, end: 0 })
    log?.body.destroy()
    return log?.etag !== etag
  }
}
