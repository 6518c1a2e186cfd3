import { fileName } from '../../protocol/file-names.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import type { StoreLogger } from '../../store.ts'
import { errorCode } from '../../util/error-code.ts'

/** A partially written task file is read again after 10 ms, then after twice as long each time, up to this many times. */
const MAX_QUICK_RETRIES = 7
const FIRST_RETRY_MS = 10
/** If the system refuses to open a file (no permission, no descriptors, an I/O error), it is retried at this interval after that. */
const REFUSED_RETRY_MS = 5000

interface Retry {
  attempts: number
  timer: NodeJS.Timeout | undefined
}

export interface UnreadableFilesContext {
  /** Reads a task file again. */
  readonly retry: (id: string) => void
  readonly log: StoreLogger
}

/** The files that cannot be read. Each is logged once per reason; task files are retried before they are reported. */
export class UnreadableFiles {
  readonly #context: UnreadableFilesContext
  readonly #reasons = new Map<string, string>()
  /** Unreadable task files, by id. */
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
    return this.#retries.has(id)
  }

  /** Whether the task file is unreadable and reported. */
  isTaskFileReported (id: string): boolean {
    return this.#reasons.has(fileName(id, 'json'))
  }

  /** Reports a file; with `undefined` as the reason, it is readable again or deleted. */
  report (name: string, reason: string | undefined): void {
    if (this.#reasons.get(name) === reason) return
    if (reason === undefined) {
      this.#reasons.delete(name)
      return
    }
    this.#reasons.set(name, reason)
    this.#context.log.warn(`fastify-tasks: ${name} cannot be read: ${reason}`)
  }

  /** A task file could not be read. It is retried if that may help, and reported otherwise. */
  addTaskFile (id: string, error: unknown): void {
    const retry = this.#retries.get(id) ?? { attempts: 0, timer: undefined }
    this.#retries.set(id, retry)
    clearTimeout(retry.timer)
    const isRefused = !(error instanceof UnreadableFile)
    if ((isRefused || error.unfinished) && retry.attempts < MAX_QUICK_RETRIES) {
      this.#schedule(id, retry, FIRST_RETRY_MS * 2 ** retry.attempts++)
      return
    }
    this.report(fileName(id, 'json'), isRefused ? errorCode(error) : error.message)
    if (isRefused) this.#schedule(id, retry, REFUSED_RETRY_MS)
  }

  /** A task file is readable again or deleted. */
  deleteTaskFile (id: string): void {
    const retry = this.#retries.get(id)
    if (retry === undefined) return
    clearTimeout(retry.timer)
    this.#retries.delete(id)
    this.report(fileName(id, 'json'), undefined)
  }

  close (): void {
    this.#isClosed = true
    for (const { timer } of this.#retries.values()) clearTimeout(timer)
  }

  #schedule (id: string, retry: Retry, ms: number): void {
    if (!this.#isClosed) retry.timer = setTimeout(() => this.#context.retry(id), ms).unref()
  }
}
