import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { completeLength, textChunk } from '../../log/text.ts'
import { ifExists, openSingleLink } from '../../protocol/regular-file.ts'
import { threadPoolFileSystem } from '../../protocol/thread-pool-file-system.ts'
import { FINGERPRINT_BYTES, LogFingerprint, sameBytes } from '../../shared/fingerprint.ts'
import type { TaskLogEvent } from '../../store.ts'

/** The most bytes of one log event. */
export const CHUNK_BYTES = 64 * 1024
/** If more than this is unreported, only the size is reported: a sparse log may grow by terabytes at once. */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024

/** The content of a log event. */
export type LogChange = Omit<TaskLogEvent, 'type' | 'eventId' | 'taskId'>

export interface LogUpdate {
  /** What to report; undefined: nothing new. */
  readonly change?: LogChange
  /** There is more to read now. */
  readonly hasMore: boolean
}

export interface ReadOptions {
  /** The task has finished: an incomplete last character no longer waits for its remaining bytes. */
  readonly isFinished: boolean
  /** Byte offset up to which the log is reported. Default: its end. */
  readonly limit?: number
}

const NOTHING: LogUpdate = { hasMore: false }
const TRUNCATED: LogChange = { offset: 0, end: 0, chunk: '', truncated: true }

/**
 * Reads one log for the feed: each byte once, for all subscribers. It remembers how much has been reported, and detects
 * that the log was truncated or rewritten. (A client that follows a log from a position of its own is served by
 * `followLog`.)
 */
export class LogTail {
  readonly #path: string
  #reported = new LogFingerprint()
  #file: { dev: bigint, ino: bigint } | undefined
  #isSizeUnknown = false

  constructor (path: string) {
    this.#path = path
  }

  /** Byte offset up to which the log has been reported. */
  get cursor (): number {
    return this.#reported.position
  }

  /** Marks everything up to the current size as already reported. */
  startAtEnd (stats: BigIntStats): void {
    this.#file = stats
    this.#reported = new LogFingerprint(Number(stats.size))
  }

  /**
   * Marks the current content as already reported, without its size. The next read reports only the size then; a log that
   * is empty or missing then counts as truncated.
   */
  startAtUnknownEnd (): void {
    this.#isSizeUnknown = true
  }

  /** Reads the bytes by which a rewrite is detected. Call it after `startAtEnd`, which knows only the size. */
  async learnFingerprint (): Promise<void> {
    await this.#open(async (handle) => {
      await this.#moveTo(handle, this.cursor, await readBytes(handle, Math.max(0, this.cursor - FINGERPRINT_BYTES), this.cursor))
      return NOTHING
    })
  }

  /** Reads the next chunk after the cursor. */
  async readChunk (options: ReadOptions): Promise<LogUpdate> {
    if (this.#isSizeUnknown) return await this.skipToEnd(options)
    return await this.#open(async (handle, size) => {
      const { isFinished, limit = size } = options
      const offset = this.cursor
      if (Math.min(size, limit) - offset > MAX_BACKLOG_BYTES) return await this.#skip(handle, size, options)
      const bytes = await this.#readAfterCursor(handle, Math.min(size, Math.max(offset, limit), offset + CHUNK_BYTES))
      if (bytes === undefined) return this.#restart()
      const end = offset + bytes.length
      const text = isFinished && end >= size ? bytes : bytes.subarray(0, completeLength(bytes))
      if (text.length === 0) return { hasMore: limit < size }
      this.#reported.advance(text)
      return { change: textChunk(offset, text), hasMore: end < size }
    })
  }

  /** Reports only the new size, and continues from there. */
  async skipToEnd (options: ReadOptions): Promise<LogUpdate> {
    return await this.#open(async (handle, size) => await this.#skip(handle, size, options))
  }

  async #skip (handle: FileHandle, size: number, { isFinished, limit = size }: ReadOptions): Promise<LogUpdate> {
    if (await this.#readAfterCursor(handle, this.cursor) === undefined) return this.#restart()
    const hasMore = limit < size
    const to = Math.min(size, limit)
    const from = Math.max(0, to - FINGERPRINT_BYTES)
    const bytes = await readBytes(handle, from, to)
    const last = bytes.subarray(0, isFinished ? bytes.length : completeLength(bytes))
    const end = from + last.length
    if (this.#isSizeUnknown && end === 0) return this.#restart()
    if (end <= this.cursor) return { hasMore }
    await this.#moveTo(handle, end, last)
    return { change: { offset: end, end, chunk: '' }, hasMore }
  }

  async #open (read: (handle: FileHandle, size: number) => Promise<LogUpdate>): Promise<LogUpdate> {
    const file = await ifExists(openSingleLink(threadPoolFileSystem, this.#path))
    if (file === undefined) return this.cursor === 0 && !this.#isSizeUnknown ? NOTHING : this.#restart({ hasMore: false })
    try {
      const { dev, ino, size } = file.stats
      const isReplaced = this.#file !== undefined && (this.#file.ino !== ino || this.#file.dev !== dev)
      this.#file = { dev, ino }
      if ((isReplaced && this.cursor > 0) || Number(size) < this.cursor || (this.#isSizeUnknown && size === 0n)) return this.#restart()
      const update = await read(file.handle, Number(size))
      this.#isSizeUnknown = false
      return update
    } finally {
      await file.handle.close()
    }
  }

  /** The bytes from the cursor to `end`; undefined if the bytes before the cursor are not those that were reported. */
  async #readAfterCursor (handle: FileHandle, end: number): Promise<Buffer | undefined> {
    const { first, last } = this.#reported
    const [bytes, beginning] = await Promise.all([
      readBytes(handle, this.cursor - last.length, end),
      // the last bytes of a short log include its first bytes
      this.cursor > FINGERPRINT_BYTES ? readBytes(handle, 0, FINGERPRINT_BYTES) : first
    ])
    if (!sameBytes(bytes.subarray(0, last.length), last)) return undefined
    // after `startAtEnd` the first bytes are unknown until the first read
    if (first.length === 0 && beginning.length > 0) this.#reported.moveTo(this.cursor, { first: beginning, last })
    else if (!sameBytes(beginning, first)) return undefined
    return bytes.subarray(last.length)
  }

  async #moveTo (handle: FileHandle, position: number, last: Buffer): Promise<void> {
    this.#reported.moveTo(position, { first: await readBytes(handle, 0, Math.min(position, FINGERPRINT_BYTES)), last })
  }

  #restart ({ hasMore = true } = {}): LogUpdate {
    this.#reported = new LogFingerprint()
    this.#isSizeUnknown = false
    return { change: TRUNCATED, hasMore }
  }
}

/** The bytes from `start` to `end`: fewer if the file has just been truncated. */
async function readBytes (handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, end - start))
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, start + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
