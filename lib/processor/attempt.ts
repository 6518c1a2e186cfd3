import { randomBytes } from 'node:crypto'
import { appendFileSync, closeSync, constants, fsync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isShortage } from './process-stat.ts'
import { parseRecord, type AttemptRecord, type RecordHeader } from './record.ts'

/** How often a record is read again where no notice of a change came, in ms. */
const LOOK_MS = 250

/**
 * One attempt at a task, and its record in the state directory: the file to which the processor and the wrapper of
 * the command append what they know, so that another processor can go on with it.
 */
export class Attempt {
  readonly #path: string
  #record: AttemptRecord
  readonly #waiting = new Set<() => void>()

  private constructor (path: string, record: AttemptRecord) {
    this.#path = path
    this.#record = record
  }

  /** @throws the system's error */
  static create (dir: string, fields: Omit<RecordHeader, 'version' | 'nonce' | 'cgroup'>, cgroup: string | undefined): Attempt {
    const nonce = randomBytes(16).toString('hex')
    const name = recordName({ id: fields.id, nonce })
    const header: RecordHeader = { version: 1, nonce, ...fields, ...(cgroup !== undefined && { cgroup: join(cgroup, name) }) }
    const path = join(dir, name)
    const attempt = new Attempt(path, { header })
    try {
      writeFileSync(path, JSON.stringify(header) + '\n', { flag: 'wx', mode: 0o600 })
    } catch (error) {
      // a full disk: half of it must not stay
      rmSync(path, { force: true })
      throw error
    }
    return attempt
  }

  /** Undefined: it does not even say of which task. */
  static read (dir: string, name: string): Attempt | undefined {
    const path = join(dir, name)
    const record = parseRecord(readFileSync(path, 'latin1'))
    return record && new Attempt(path, record)
  }

  get record (): AttemptRecord {
    return this.#record
  }

  get name (): string {
    return recordName(this.#record.header)
  }

  /** Reads the record again. One that can't be read now keeps saying what it said. */
  refresh (): void {
    try {
      this.#record = parseRecord(readFileSync(this.#path, 'latin1')) ?? this.#record
    } catch {
      // somebody removed it: what then becomes of the command shows in its processes
    }
    for (const look of [...this.#waiting]) look()
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
      // where a process has ended, it may have added to the record between the reading of that and the look at it
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
    appendFileSync(this.#path, `${line}\n`)
    this.refresh()
  }

  /** @returns a descriptor for the wrapper, to be closed here when the wrapper has it */
  openForAppending (): { fd: number, close: () => void } {
    const fd = openSync(this.#path, constants.O_WRONLY | constants.O_APPEND)
    return { fd, close: () => closeSync(fd) }
  }

  /** Resolves when all that it says now survives a crash of the machine. */
  async sync (): Promise<void> {
    const fd = openSync(this.#path, constants.O_RDONLY)
    try {
      // alone what may take long is not done on this thread
      await promisify(fsync)(fd)
    } finally {
      closeSync(fd)
    }
  }

  /** Call it when the task's end stands. */
  remove (): void {
    rmSync(this.#path, { force: true })
  }
}

function recordName ({ id, nonce }: Pick<RecordHeader, 'id' | 'nonce'>): string {
  return `${id}.${nonce}`
}
