import { LogFingerprint, sameBytes } from '../shared/fingerprint.ts'
import { readAll, readBody } from './body.ts'
import { errorOf, foreignAnswer, isNotFound } from './errors.ts'
import { pathOf, type Http, type RequestOptions } from './http.ts'

/** Bytes of a log as they come: each piece begins where the one before ended. */
export interface LogPiece {
  /** Byte offset of the first one. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** The log shrank or was rewritten: discard all earlier pieces; the next piece begins at 0. */
  readonly truncated?: true
}

/** What the server tells of a log: text of the bytes from `offset` to `end`, or their number alone. */
export interface LogNotice {
  readonly offset: number
  readonly end: number
  readonly chunk: string
  readonly truncated?: true
  readonly lossy?: true
}

type LogPieces = AsyncGenerator<LogPiece, void, undefined>

/**
 * Applies the feed's rules to one log: skips known bytes, fetches gaps, and restarts if the log was replaced.
 */
export class LogReader {
  readonly #http: Http
  readonly #path: string
  #read: LogFingerprint

  constructor (http: Http, taskId: string, position = 0) {
    this.#http = http
    this.#path = `${pathOf(taskId)}/log`
    this.#read = new LogFingerprint(position)
  }

  /** Byte offset after what was given. */
  get position (): number {
    return this.#read.position
  }

  /** What a notice means to who has all the bytes before. */
  async * take ({ offset, end, chunk, truncated, lossy }: LogNotice, signal: AbortSignal): LogPieces {
    // `offset` before the position: it was read ahead of the server's own look at the log, and may have been cut since
    const isOther = truncated === true || (offset < this.position && !await this.isSame(signal))
    if (isOther && this.position > 0) yield this.startOver()
    if (end <= this.position) return
    const bytes = new TextEncoder().encode(chunk)
    const exact = lossy !== true && bytes.length === end - offset
    if (exact && offset <= this.position) yield this.#advance(bytes.subarray(this.position - offset))
    else yield * this.#fetch(end, signal)
  }

  /** Reads to where the log ends now; from its beginning where it was rewritten while nobody told. */
  async * catchUp (signal: AbortSignal): LogPieces {
    if (!await this.isSame(signal)) yield this.startOver()
    yield * this.#fetch(undefined, signal)
  }

  /** Whether the log still begins with what was read. */
  async isSame (signal: AbortSignal): Promise<boolean> {
    const { position, first, last } = this.#read
    if (!sameBytes(await this.#bytes(position - last.length, position, signal), last)) return false
    return position <= first.length || sameBytes(await this.#bytes(0, first.length, signal), first)
  }

  /** What was given no longer counts. */
  startOver (): LogPiece {
    this.#read = new LogFingerprint()
    return { offset: 0, bytes: new Uint8Array(0), truncated: true }
  }

  async * #fetch (end: number | undefined, signal: AbortSignal): LogPieces {
    const response = await this.#http.open(this.#path, rangeOf(this.position, end, signal))
    // the log is shorter than announced; a following event will explain
    if (!await isPart(response)) return
    for await (const bytes of readBody(response, { signal })) yield this.#advance(bytes)
  }

  /** Fewer than asked for, where the log has fewer. */
  async #bytes (start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    if (start === end) return new Uint8Array(0)
    const response = await this.#http.open(this.#path, rangeOf(start, end, signal))
    return await isPart(response) ? await readAll(response, signal) : new Uint8Array(0)
  }

  #advance (bytes: Uint8Array): LogPiece {
    const offset = this.position
    this.#read.advance(bytes)
    return { offset, bytes }
  }
}

function rangeOf (start: number, end: number | undefined, signal: AbortSignal): RequestOptions {
  return { headers: { range: `bytes=${start}-${end === undefined ? '' : end - 1}` }, signal, accept: [404, 416] }
}

/** Whether an answer has bytes of a range; false: there is nothing there (any more). */
async function isPart (response: Response): Promise<boolean> {
  if (response.status === 206) return true
  if (response.ok) throw await foreignAnswer(response, 'the range that was asked for')
  if (response.status === 416 || isEmptyText(response)) {
    await response.body?.cancel()
    return false
  }
  const error = await errorOf(response)
  if (isNotFound(error)) return false
  throw error
}

/** What the server answers where a task has no log yet. */
export function isEmptyText ({ status, headers }: Response): boolean {
  return status === 404 && headers.get('content-length') === '0' && headers.get('content-type')?.startsWith('text/plain') === true
}
