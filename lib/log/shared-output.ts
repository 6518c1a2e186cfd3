import type { LogStore, TaskLogEvent } from '../store.ts'
import type { LogPiece } from './log-reader.ts'
import { readRange } from './read-range.ts'
import type { TextChunk } from './text.ts'

/** A piece of a log that its followers share. */
export class SharedPiece implements LogPiece {
  readonly offset: number
  readonly bytes: Buffer
  /** The text of the bytes; undefined if they are not valid UTF-8, or end within a character. */
  readonly text: string | undefined
  #encoded: Buffer | undefined

  constructor (offset: number, bytes: Buffer, text?: string) {
    this.offset = offset
    this.bytes = bytes
    this.text = text
  }

  /** What `encode` returns for the text. It is called once: all followers must encode alike. */
  encoded (encode: (text: TextChunk) => Buffer): Buffer | undefined {
    if (this.text !== undefined) this.#encoded ??= encode({ offset: this.offset, end: this.offset + this.bytes.length, chunk: this.text })
    return this.#encoded
  }
}

/** A piece; undefined if the events do not contain its bytes, and the log cannot be read or has changed. */
type Piece = SharedPiece | undefined

/** Consecutive new output of a log. */
export class SharedOutput {
  /** Byte offset of the first byte. */
  readonly offset: number
  /** Byte offset after the last byte. */
  readonly end: number
  /** Number of characters. */
  readonly length: number
  readonly #piece: () => Piece | Promise<Piece>
  #made: { readonly piece: Piece | Promise<Piece> } | undefined

  /**
   * @param events each begins where the previous one ended
   * @param length number of characters
   */
  constructor (store: LogStore, events: readonly TaskLogEvent[], length: number) {
    this.offset = events[0]!.offset
    this.end = events.at(-1)!.end
    this.length = length
    this.#piece = () => events.some(({ lossy }) => lossy === true) ? readOriginal(store, events) : encode(events)
  }

  /**
   * The bytes, made once for all followers.
   * @returns undefined if the follower must read the log itself
   */
  piece (): Piece | Promise<Piece> {
    this.#made ??= { piece: this.#piece() }
    return this.#made.piece
  }
}

function encode (events: readonly TaskLogEvent[]): Piece {
  const [offset, end] = [events[0]!.offset, events.at(-1)!.end]
  const text = events.map(({ chunk }) => chunk).join('')
  const bytes = Buffer.from(text)
  return bytes.length === end - offset ? new SharedPiece(offset, bytes, text) : undefined
}

/** Reads the original bytes of output that is not valid UTF-8. */
async function readOriginal (store: LogStore, events: readonly TaskLogEvent[]): Promise<Piece> {
  const { taskId, offset: start } = events[0]!
  try {
    const bytes = await readRange(store, taskId, start, events.at(-1)!.end)
    const isSame = bytes !== undefined && events.every(({ offset, end, chunk }) => bytes.toString('utf8', offset - start, end - start) === chunk)
    return isSame ? new SharedPiece(start, bytes) : undefined
  } catch {
    return undefined
  }
}
