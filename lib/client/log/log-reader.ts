import { LogFingerprint, sameBytes } from '../../shared/fingerprint.ts'
import { readBody } from '../http/body.ts'
import type { Http } from '../http/http.ts'
import { openRange, readRange } from './log-range.ts'

/** Consecutive bytes of a log: each piece begins where the previous one ended. */
export interface LogPiece {
  /** Byte offset of the first byte. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** The log shrank or was rewritten: discard all earlier pieces; the next one begins at offset 0. This one is empty. */
  readonly truncated?: true
}

/** A log event of the server: the text of the bytes from `offset` to `end`, or only their range (a size update). */
export interface LogUpdate {
  readonly offset: number
  /** Exclusive. */
  readonly end: number
  /** Empty in a size update. */
  readonly chunk: string
  readonly truncated?: true
  /** The bytes are not valid UTF-8, so that `chunk` does not encode to them. */
  readonly lossy?: true
}

export type LogPieces = AsyncGenerator<LogPiece, void, undefined>

/** Applies the feed's rules to one log: skips known bytes, fetches gaps, and restarts if the log was replaced. */
export class LogReader {
  readonly #http: Http
  readonly #taskId: string
  #fingerprint: LogFingerprint

  constructor (http: Http, taskId: string, position = 0) {
    this.#http = http
    this.#taskId = taskId
    this.#fingerprint = new LogFingerprint(position)
  }

  /** Byte offset after the last byte that was yielded. */
  get position (): number {
    return this.#fingerprint.position
  }

  /** Yields the new bytes of an update, fetching those that it does not contain. */
  async * apply ({ offset, end, chunk, truncated, lossy }: LogUpdate, signal: AbortSignal): LogPieces {
    // without the next bytes, the server may not have read the log since some of it was fetched here: it may have been rewritten
    const isNext = offset === this.position && chunk !== ''
    const isRewritten = truncated === true || (this.position > 0 && !isNext && !await this.isUnchanged(signal))
    if (isRewritten && this.position > 0) yield this.reset()
    if (end <= this.position) return
    const bytes = new TextEncoder().encode(chunk)
    const isComplete = lossy !== true && bytes.length === end - offset
    if (isComplete && offset <= this.position) yield this.#advance(bytes.subarray(this.position - offset))
    else yield * this.#fetch(end, signal)
  }

  /** Yields all bytes up to the current end of the log; from its beginning if it was rewritten without an event. */
  async * catchUp (signal: AbortSignal): LogPieces {
    if (!await this.isUnchanged(signal)) yield this.reset()
    yield * this.#fetch(undefined, signal)
  }

  /** Whether the log still contains the first and last bytes that were read. */
  async isUnchanged (signal: AbortSignal): Promise<boolean> {
    const { position, first, last } = this.#fingerprint
    if (!sameBytes(await this.#bytes(position - last.length, position, signal), last)) return false
    return position <= first.length || sameBytes(await this.#bytes(0, first.length, signal), first)
  }

  /** Returns to offset 0. */
  reset (): LogPiece {
    this.#fingerprint = new LogFingerprint()
    return { offset: 0, bytes: new Uint8Array(0), truncated: true }
  }

  async * #fetch (end: number | undefined, signal: AbortSignal): LogPieces {
    const response = await openRange(this.#http, this.#taskId, this.position, end, signal)
    // the log is shorter than announced: an event for the truncation will follow
    if (response === undefined) return
    for await (const bytes of readBody(response, { signal })) yield this.#advance(bytes)
  }

  async #bytes (start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    return await readRange(this.#http, this.#taskId, start, end, signal)
  }

  #advance (bytes: Uint8Array): LogPiece {
    const offset = this.position
    this.#fingerprint.advance(bytes)
    return { offset, bytes }
  }
}
