import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { FINGERPRINT_BYTES, LogFingerprint, sameBytes } from '../../shared/fingerprint.ts'
import { completeLength, textChunk } from '../../log/text.ts'
import type { TaskLogEvent } from '../../store.ts'
import { ifExists, openRegular } from '../../protocol/regular-file.ts'
import { threadPoolFileSystem } from '../../protocol/thread-pool-file-system.ts'

/** A log is read in pieces of at most this many bytes. */
export const PIECE_BYTES = 64 * 1024

export type LogChange = Omit<TaskLogEvent, 'type' | 'eventId' | 'taskId'>

export interface LogLook {
  readonly changes: readonly LogChange[]
  /** There is more to read now. */
  readonly more: boolean
}

const NOTHING: LogLook = { changes: [], more: false }
const START_OVER: LogChange = { offset: 0, end: 0, chunk: '', truncated: true }

/** Tails one log: tracks how much has been reported and detects truncation and rewrites. */
export class LogTail {
  readonly #path: string
  #told = new LogFingerprint()
  #identity: { dev: bigint, ino: bigint } | undefined

  constructor (path: string) {
    this.#path = path
  }

  /** Byte offset up to which the log was told. */
  get cursor (): number {
    return this.#told.position
  }

  /** Marks everything up to the current size as already reported. */
  startAtEnd (stats: BigIntStats): void {
    this.#identity = stats
    this.#told = new LogFingerprint(Number(stats.size))
  }

  /** Reads what a rewrite would be noticed by, where the log's size alone was looked at. */
  async remember (): Promise<void> {
    await this.#look(async (handle) => {
      await this.#moveTo(handle, this.cursor, await readRange(handle, Math.max(0, this.cursor - FINGERPRINT_BYTES), this.cursor))
      return NOTHING
    })
  }

  /**
   * Reads on from the cursor, one piece.
   * @param ended the task has ended: an incomplete last character no longer waits for its rest
   */
  async readOn ({ ended }: { ended: boolean }): Promise<LogLook> {
    return await this.#look(async (handle, size) => {
      const offset = this.cursor
      const fresh = await this.#read(handle, Math.min(size, offset + PIECE_BYTES))
      if (fresh === undefined) return this.#startOver()
      const reached = offset + fresh.length
      const text = ended && reached >= size ? fresh : fresh.subarray(0, completeLength(fresh))
      if (text.length === 0) return NOTHING
      this.#told.advance(text)
      return { changes: [textChunk(offset, text)], more: reached < size }
    })
  }

  /** Reports only the new size and continues from there, as nobody needs the bytes in between. */
  async skipToEnd ({ ended }: { ended: boolean }): Promise<LogLook> {
    return await this.#look(async (handle, size) => {
      if (await this.#read(handle, this.cursor) === undefined) return this.#startOver()
      const from = Math.max(0, size - FINGERPRINT_BYTES)
      const bytes = await readRange(handle, from, size)
      const last = bytes.subarray(0, ended ? bytes.length : completeLength(bytes))
      const end = from + last.length
      if (end <= this.cursor) return NOTHING
      await this.#moveTo(handle, end, last)
      return { changes: [{ offset: end, end, chunk: '' }], more: false }
    })
  }

  async #look (read: (handle: FileHandle, size: number) => Promise<LogLook>): Promise<LogLook> {
    const file = await ifExists(openRegular(threadPoolFileSystem, this.#path))
    if (file === undefined) return this.cursor === 0 ? NOTHING : this.#startOver({ more: false })
    try {
      const { dev, ino, size } = file.stats
      const replaced = this.#identity !== undefined && (this.#identity.ino !== ino || this.#identity.dev !== dev)
      this.#identity = { dev, ino }
      if ((replaced && this.cursor > 0) || Number(size) < this.cursor) return this.#startOver()
      return await read(file.handle, Number(size))
    } finally {
      await file.handle.close()
    }
  }

  /** The bytes from the cursor up to `end`; undefined where the log is not the one that was told. */
  async #read (handle: FileHandle, end: number): Promise<Buffer | undefined> {
    const { first, last } = this.#told
    const [bytes, beginning] = await Promise.all([
      readRange(handle, this.cursor - last.length, end),
      // a short log is covered by what stands before the cursor
      this.cursor > FINGERPRINT_BYTES ? readRange(handle, 0, FINGERPRINT_BYTES) : first
    ])
    if (!sameBytes(bytes.subarray(0, last.length), last)) return undefined
    // of a log that was only looked at by its size, it is learned now
    if (first.length === 0 && beginning.length > 0) this.#told.moveTo(this.cursor, { first: beginning, last })
    else if (!sameBytes(beginning, first)) return undefined
    return bytes.subarray(last.length)
  }

  async #moveTo (handle: FileHandle, position: number, last: Buffer): Promise<void> {
    this.#told.moveTo(position, { first: await readRange(handle, 0, Math.min(position, FINGERPRINT_BYTES)), last })
  }

  #startOver ({ more = true } = {}): LogLook {
    this.#told = new LogFingerprint()
    return { changes: [START_OVER], more }
  }
}

/** Fewer bytes than asked for where the file has just shrunk. */
async function readRange (handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, end - start))
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, start + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
