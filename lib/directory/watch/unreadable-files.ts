import { fileName } from '../../protocol/file-names.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import type { StoreLogger } from '../../store.ts'
import { errorCode } from '../../util/error-code.ts'

/** A partially written file is read again after 10 ms, then after twice as long each time, up to this many times. */
const MAX_QUICK_RETRIES = 7
const FIRST_RETRY_MS = 10
/** If the system refuses to open a file (no permission, no descriptors, an I/O error), it is retried at this interval after that. */
const REFUSED_RETRY_MS = 5000

interface Retry {
  attempts: number
  timer: NodeJS.Timeout | undefined
}

export interface UnreadableFilesContext {
  /** Reads a task file or a log again. */
  readonly retry: (id: string, target: 'task-file' | 'log') => void
  readonly log: StoreLogger
}

/** The files that cannot be read. They are retried if that may help, and then reported; each is logged once per reason. */
export class UnreadableFiles {
  readonly #context: UnreadableFilesContext
  /** By file name, as the following. */
  readonly #reasons = new Map<string, string>()
  readonly #retries = new Map<string, Retry>()
  #isClosed = false

  constructor (context: UnreadableFilesContext) {
    this.#context = context
  }

  /** File name → reason, of the reported files. */
  get reasons (): ReadonlyMap<string, string> {
    return this.#reasons
  }

  /** Whether the task file is unreadable, reported or not. */
  hasTaskFile (id: string): boolean {
    return this.#retries.has(fileName(id, 'json'))
  }

  /** Whether the task file is unreadable and reported. */
  isTaskFileReported (id: string): boolean {
    return this.#reasons.has(fileName(id, 'json'))
  }

  /** A task file could not be read. */
  addTaskFile (id: string, error: unknown): void {
    this.#add(fileName(id, 'json'), error, () => this.#context.retry(id, 'task-file'))
  }

  /** A task file is readable again or deleted. */
  deleteTaskFile (id: string): void {
    this.#delete(fileName(id, 'json'))
  }

  /** A log could not be read. */
  addLog (id: string, error: unknown): void {
    this.#add(fileName(id, 'log'), error, () => this.#context.retry(id, 'log'))
  }

  /** A log is readable again or deleted, or need not be read any more. */
  deleteLog (id: string): void {
    this.#delete(fileName(id, 'log'))
  }

  close (): void {
    this.#isClosed = true
    for (const { timer } of this.#retries.values()) clearTimeout(timer)
  }

  #add (name: string, error: unknown, read: () => void): void {
    const retry = this.#retries.get(name) ?? { attempts: 0, timer: undefined }
    this.#retries.set(name, retry)
    clearTimeout(retry.timer)
    const isRefused = !(error instanceof UnreadableFile)
    if ((isRefused || error.unfinished) && retry.attempts < MAX_QUICK_RETRIES) {
      this.#schedule(retry, read, FIRST_RETRY_MS * 2 ** retry.attempts++)
      return
    }
    this.#report(name, isRefused ? errorCode(error) : error.message)
    if (isRefused) this.#schedule(retry, read, REFUSED_RETRY_MS)
  }

  #delete (name: string): void {
    const retry = this.#retries.get(name)
    if (retry === undefined) return
    clearTimeout(retry.timer)
    this.#retries.delete(name)
    this.#reasons.delete(name)
  }

  #report (name: string, reason: string): void {
    if (this.#reasons.get(name) === reason) return
    this.#reasons.set(name, reason)
    this.#context.log.warn(`fastify-tasks: ${name} cannot be read: ${reason}`)
  }

  #schedule (retry: Retry, read: () => void, ms: number): void {
    if (!this.#isClosed) retry.timer = setTimeout(read, ms).unref()
  }
}
