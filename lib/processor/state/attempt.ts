import { randomBytes } from 'node:crypto'
import { closeSync, constants, fsync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../../util/error-code.ts'
import { isShortage } from '../os/process-stat.ts'
import { parseRecord, type AttemptRecord, type RecordHeader } from './attempt-record.ts'

const APPEND = constants.O_RDWR | constants.O_APPEND
const chunk = Buffer.alloc(4096)
/** How often a record is read again where no notice of a change came, in ms. */
const LOOK_MS = 250

/**
 * One attempt at a task, and its record in the state directory: the file to which the processor and the wrapper of
 * the command append what they know, so that another processor can go on with it.
 */
export class Attempt {
  readonly #path: string
  /** Open while its command is prepared. Later, a descriptor for each would be too many. */
  #fd: number | undefined
  #record: AttemptRecord
  /** As far as it was read: it only grows. */
  #content: Buffer
  readonly #waiting = new Set<() => void>()

  private constructor (path: string, fd: number | undefined, content: Buffer, record: AttemptRecord) {
    this.#path = path
    this.#fd = fd
    this.#content = content
    this.#record = record
  }

  /** @throws the system's error */
  static create (dir: string, fields: Omit<RecordHeader, 'version' | 'nonce' | 'cgroup'>, cgroup: string | undefined): Attempt {
    const nonce = randomBytes(16).toString('hex')
    const name = recordName({ id: fields.id, nonce })
    const header: RecordHeader = { version: 1, nonce, ...fields, ...(cgroup !== undefined && { cgroup: join(cgroup, name) }) }
    const path = join(dir, name)
    const content = Buffer.from(JSON.stringify(header) + '\n')
    const fd = openSync(path, APPEND | constants.O_CREAT | constants.O_EXCL, 0o600)
    const attempt = new Attempt(path, fd, content, { header })
    try {
      writeFileSync(fd, content)
    } catch (error) {
      // a full disk: half of it must not stay
      attempt.remove()
      throw error
    }
    return attempt
  }

  /** Undefined if not even the header could be parsed. */
  static read (dir: string, name: string): Attempt | undefined {
    const path = join(dir, name)
    const content = withFile(path, constants.O_RDONLY, (fd) => readFrom(fd, 0))
    const record = parseRecord(content.toString())
    return record && new Attempt(path, undefined, content, record)
  }

  get record (): AttemptRecord {
    return this.#record
  }

  get name (): string {
    return recordName(this.#record.header)
  }

  /** Open for appending, for the wrapper, until `close`. */
  get fd (): number {
    if (this.#fd === undefined) throw new Error(`the record ${this.name} is closed`)
    return this.#fd
  }

  /** Reads what was added to the record. */
  refresh (): void {
    const added = this.#readAdded()
    if (added !== undefined) {
      this.#content = Buffer.concat([this.#content, added])
      this.#record = parseRecord(this.#content.toString()) ?? this.#record
    }
    for (const look of [...this.#waiting]) look()
  }

  /** Read errors are ignored and retried; the state of the command can also be seen from its processes. */
  #readAdded (): Buffer | undefined {
    try {
      const read = (fd: number) => readFrom(fd, this.#content.length)
      const added = this.#fd === undefined ? withFile(this.#path, constants.O_RDONLY, read) : read(this.#fd)
      return added.length === 0 ? undefined : added
    } catch {
      return undefined
    }
  }

  /** Resolves when `holds` says true; asks it whenever the record changes, and now and then. */
  async until (holds: (record: AttemptRecord) => boolean): Promise<AttemptRecord> {
    let look!: () => void
    // unreferenced: a processor that leaves its commands does not wait for them
    const timer = setInterval(() => this.refresh(), LOOK_MS).unref()
    try {
      await new Promise<void>((resolve, reject) => {
        look = () => {
          try {
            if (holds(this.#record)) resolve()
          } catch (error) {
            // the next look tells
            if (!isShortage(error)) reject(error)
          }
        }
        this.#waiting.add(look)
        this.refresh()
      })
      // a process may have appended to the record just before exiting
      this.refresh()
      return this.#record
    } finally {
      clearInterval(timer)
      this.#waiting.delete(look)
    }
  }

  /** Says that the task's file has its end. Where there is no room for that, it is found out again. */
  noteEnded (): void {
    if (this.#record.ended === true) return
    try {
      this.append('ended')
    } catch { /* a full disk */ }
  }

  append (line: string): void {
    withFile(this.#path, constants.O_WRONLY | constants.O_APPEND, (fd) => writeFileSync(fd, `${line}\n`))
    this.refresh()
  }

  /** Resolves when all that it says now survives a crash of the machine. */
  async sync (): Promise<void> {
    // only fsync, which may be slow, is done off the main thread
    await promisify(fsync)(this.fd)
  }

  /** Call it when the command is prepared, or will not be. */
  close (): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** Call it when the task's end stands. */
  remove (): void {
    this.close()
    try {
      unlinkSync(this.#path)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

function withFile<T> (path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags | constants.O_NOFOLLOW)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** What stands in a file from that byte on. */
function readFrom (fd: number, position: number): Buffer {
  const parts: Buffer[] = []
  for (let length; (length = readSync(fd, chunk, 0, chunk.length, position)) > 0; position += length) parts.push(Buffer.from(chunk.subarray(0, length)))
  return Buffer.concat(parts)
}

function recordName ({ id, nonce }: Pick<RecordHeader, 'id' | 'nonce'>): string {
  return `${id}.${nonce}`
}
