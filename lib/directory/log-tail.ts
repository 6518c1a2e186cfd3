import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { TaskLogEvent } from '../store.ts'
import { ifExists, openRegular } from './files.ts'
import { completeLength } from './utf8.ts'

/** A log is read in pieces of at most this many bytes. */
export const PIECE_BYTES = 64 * 1024
/**
 * How many bytes before the cursor, and at the log's beginning, are compared, to notice a rewrite that left the log as
 * long or longer.
 */
const FINGERPRINT_BYTES = 64

export type LogChange = Omit<TaskLogEvent, 'type' | 'eventId' | 'taskId'>

export interface LogLook {
  readonly changes: readonly LogChange[]
  /** There is more to read now. */
  readonly more: boolean
}

const NOTHING: LogLook = { changes: [], more: false }
const START_OVER: LogChange = { offset: 0, end: 0, chunk: '', truncated: true }

/** Follows one log: knows up to where it was told, and notices when that is no longer the log's beginning. */
export class LogTail {
  readonly #path: string
  #cursor = 0
  #identity: { dev: bigint, ino: bigint } | undefined
  /** The bytes before the cursor; undefined where they were never read. */
  #fingerprint: Buffer | undefined = Buffer.alloc(0)
  /** The log's first bytes; undefined until it has so many, or where they were never read. */
  #beginning: Buffer | undefined

  constructor (path: string) {
    this.#path = path
  }

  /** Byte offset up to which the log was told. */
  get cursor (): number {
    return this.#cursor
  }

  /** Takes what is there as told, by its size alone. */
  startAtEnd (stats: BigIntStats): void {
    this.#identity = stats
    this.#cursor = Number(stats.size)
    this.#fingerprint = this.#cursor === 0 ? Buffer.alloc(0) : undefined
  }

  /**
   * Reads on from the cursor, one piece.
   * @param ended the task has ended: an incomplete last character no longer waits for its rest
   */
  async readOn ({ ended }: { ended: boolean }): Promise<LogLook> {
    return await this.#look(async (handle, size) => {
      const before = this.#fingerprint?.length ?? 0
      const bytes = await this.#read(handle, Math.min(size, this.#cursor + PIECE_BYTES))
      if (bytes === undefined) return this.#startOver()
      const fresh = bytes.subarray(before)
      const reached = this.#cursor + fresh.length
      const text = ended && reached >= size ? fresh : fresh.subarray(0, completeLength(fresh))
      if (text.length === 0) return NOTHING
      const offset = this.#cursor
      this.#advance(bytes.subarray(0, before + text.length), offset + text.length)
      const lossy = isUtf8(text) ? {} : { lossy: true as const }
      return { changes: [{ offset, end: this.#cursor, chunk: text.toString('utf8'), ...lossy }], more: reached < size }
    })
  }

  /** Tells the size alone (a head), and goes on from there: nobody wants what lies between. */
  async skipToEnd ({ ended }: { ended: boolean }): Promise<LogLook> {
    return await this.#look(async (handle, size) => {
      if (await this.#read(handle, this.#cursor) === undefined) return this.#startOver()
      const from = Math.max(0, size - FINGERPRINT_BYTES)
      const bytes = await readRange(handle, from, size)
      const length = ended ? bytes.length : completeLength(bytes)
      const end = from + length
      if (end <= this.#cursor) return NOTHING
      this.#advance(bytes.subarray(0, length), end)
      return { changes: [{ offset: end, end, chunk: '' }], more: false }
    })
  }

  async #look (read: (handle: FileHandle, size: number) => Promise<LogLook>): Promise<LogLook> {
    const file = await ifExists(openRegular(this.#path))
    if (file === undefined) return this.#cursor === 0 ? NOTHING : this.#startOver({ more: false })
    try {
      const { dev, ino, size } = file.stats
      const replaced = this.#identity !== undefined && (this.#identity.ino !== ino || this.#identity.dev !== dev)
      this.#identity = { dev, ino }
      if ((replaced && this.#cursor > 0) || Number(size) < this.#cursor) return this.#startOver()
      return await read(file.handle, Number(size))
    } finally {
      await file.handle.close()
    }
  }

  /** The bytes from the fingerprint's first up to `end`; undefined where the log is not the one that was told. */
  async #read (handle: FileHandle, end: number): Promise<Buffer | undefined> {
    const fingerprint = this.#fingerprint ?? Buffer.alloc(0)
    const [bytes, beginning] = await Promise.all([
      readRange(handle, this.#cursor - fingerprint.length, end),
      // a short log is covered by what stands before the cursor
      this.#cursor > FINGERPRINT_BYTES ? readRange(handle, 0, FINGERPRINT_BYTES) : undefined
    ])
    if (!bytes.subarray(0, fingerprint.length).equals(fingerprint)) return undefined
    if (beginning !== undefined && this.#beginning?.equals(beginning) === false) return undefined
    this.#beginning = beginning
    return bytes
  }

  #advance (bytesBefore: Buffer, cursor: number): void {
    // a long first piece begins the log
    if (this.#cursor === 0 && bytesBefore.length === cursor && cursor > FINGERPRINT_BYTES) this.#beginning = Buffer.from(bytesBefore.subarray(0, FINGERPRINT_BYTES))
    this.#cursor = cursor
    // a copy: the piece itself must not be kept alive by its last bytes
    this.#fingerprint = Buffer.from(bytesBefore.subarray(-FINGERPRINT_BYTES))
  }

  #startOver ({ more = true } = {}): LogLook {
    this.#cursor = 0
    this.#fingerprint = Buffer.alloc(0)
    this.#beginning = undefined
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
