import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { isShortage } from '../os/process-stat.ts'
import { parseRecord, type AttemptRecord, type RecordHeader } from './attempt-record.ts'
import { RecordFile } from './record-file.ts'

/** How often a record is read again if no file event reports a change, in ms. */
const POLL_INTERVAL_MS = 250

/** The header's fields that the creator of an attempt knows. */
export type AttemptFields = Omit<RecordHeader, 'version' | 'nonce' | 'cgroup'>

/**
 * One attempt at a task, and its attempt record in the state directory: the file to which the processor and the
 * command's wrapper append what they know, so that another processor can take over.
 */
export class Attempt {
  readonly #file: RecordFile
  /** The boot in which this processor runs. */
  readonly #currentBootId: string
  #record: AttemptRecord
  /** The part of the file that was read; the file only grows. */
  #content: Buffer
  readonly #waiting = new Set<() => void>()

  private constructor (file: RecordFile, content: Buffer, record: AttemptRecord, currentBootId: string) {
    this.#file = file
    this.#content = content
    this.#record = record
    this.#currentBootId = currentBootId
  }

  /**
   * @param cgroup folder below which the command gets its own cgroup; undefined: none
   * @throws the system's error
   */
  static create (dir: string, fields: AttemptFields, cgroup: string | undefined): Attempt {
    const nonce = randomBytes(16).toString('hex')
    const name = recordName({ id: fields.id, nonce })
    const header: RecordHeader = { version: 1, nonce, ...fields, ...(cgroup !== undefined && { cgroup: join(cgroup, name) }) }
    const content = Buffer.from(JSON.stringify(header) + '\n')
    return new Attempt(RecordFile.create(join(dir, name), content), content, { header }, fields.bootId)
  }

  /** @returns undefined if not even the header could be parsed */
  static read (dir: string, name: string, currentBootId: string): Attempt | undefined {
    const file = new RecordFile(join(dir, name))
    const content = file.readFrom(0)
    const record = parseRecord(content.toString())
    return record && new Attempt(file, content, record, currentBootId)
  }

  get record (): AttemptRecord {
    return this.#record
  }

  get name (): string {
    return recordName(this.#record.header)
  }

  /** Whether the machine has not been restarted since: only then do the recorded pids mean anything. */
  get isOfThisBoot (): boolean {
    return this.#record.header.bootId === this.#currentBootId
  }

  /** The record, open for appending, for the wrapper. @throws after `close` */
  get fd (): number {
    return this.#file.fd
  }

  /** Reads the lines that were appended since, and re-evaluates the waiting conditions. */
  refresh (): void {
    const added = this.#readAdded()
    if (added !== undefined) {
      this.#content = Buffer.concat([this.#content, added])
      this.#record = parseRecord(this.#content.toString()) ?? this.#record
    }
    for (const evaluate of [...this.#waiting]) evaluate()
  }

  /** Read errors are ignored and retried; the state of the command can also be seen from its processes. */
  #readAdded (): Buffer | undefined {
    try {
      const added = this.#file.readFrom(this.#content.length)
      return added.length === 0 ? undefined : added
    } catch {
      return undefined
    }
  }

  /** Resolves when `condition` holds. It is evaluated whenever the record changes, and every 250 ms. */
  async until (condition: (record: AttemptRecord) => boolean): Promise<AttemptRecord> {
    let evaluate!: () => void
    // unreferenced: a processor that leaves its commands running does not wait for them
    const timer = setInterval(() => this.refresh(), POLL_INTERVAL_MS).unref()
    try {
      await new Promise<void>((resolve, reject) => {
        evaluate = () => {
          try {
            if (condition(this.#record)) resolve()
          } catch (error) {
            // the next evaluation may succeed
            if (!isShortage(error)) reject(error)
          }
        }
        this.#waiting.add(evaluate)
        this.refresh()
      })
      // a process may have appended to the record just before exiting
      this.refresh()
      return this.#record
    } finally {
      clearInterval(timer)
      this.#waiting.delete(evaluate)
    }
  }

  /** Records that the task file has its final status. On a full disk it does not, and the next processor determines it again. */
  noteFinished (): void {
    if (this.#record.finished === true) return
    try {
      this.append('ended')
    } catch { /* disk full */ }
  }

  /** Appends a line. @throws the system's error */
  append (line: string): void {
    this.#file.append(line)
    this.refresh()
  }

  /** Resolves when the record survives a crash of the machine. */
  async sync (): Promise<void> {
    await this.#file.sync()
  }

  /** Call it when the command is prepared, or will not be. */
  close (): void {
    this.#file.close()
  }

  /** Deletes the record. Call it when the final status is in the task file. */
  delete (): void {
    this.#file.delete()
  }
}

function recordName ({ id, nonce }: Pick<RecordHeader, 'id' | 'nonce'>): string {
  return `${id}.${nonce}`
}
