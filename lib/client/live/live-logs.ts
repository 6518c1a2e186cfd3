import { TasksError } from '../errors.ts'
import type { Http } from '../http/http.ts'
import { LogReader, type LogPieces, type LogUpdate } from '../log/log-reader.ts'
import type { TasksChanges } from './tasks-change.ts'

/** The logs of a live collection. */
export class LiveLogs {
  readonly #http: Http
  readonly #includes: (taskId: string) => boolean
  readonly #readers = new Map<string, LogReader>()
  /** Logs that need to be checked for rewrites or growth: after a list, or after a read error. */
  readonly #unverified = new Set<string>()

  /** @param logs whether to include all logs, or the ids of the tasks whose logs to include */
  constructor (http: Http, logs: boolean | readonly string[]) {
    this.#http = http
    this.#includes = typeof logs === 'boolean' ? () => logs : (taskId) => logs.includes(taskId)
  }

  /** Forgets the logs of all other tasks, and marks the logs of these as unverified. */
  replaceTasks (taskIds: ReadonlySet<string>): void {
    for (const id of this.#readers.keys()) if (!taskIds.has(id)) this.#readers.delete(id)
    this.#unverified.clear()
    for (const id of taskIds) if (this.#includes(id)) this.#unverified.add(id)
  }

  delete (taskId: string): void {
    this.#readers.delete(taskId)
    this.#unverified.delete(taskId)
  }

  async * apply (taskId: string, update: LogUpdate, signal: AbortSignal): TasksChanges<never> {
    if (this.#includes(taskId)) yield * this.#read(taskId, (reader) => reader.apply(update, signal))
  }

  /** Reads the unverified logs up to their ends. */
  async * verify (signal: AbortSignal): TasksChanges<never> {
    for (const id of [...this.#unverified]) {
      if (yield * this.#read(id, (reader) => reader.catchUp(signal))) this.#unverified.delete(id)
    }
  }

  /**
   * A log that the server cannot read must not delay the other changes: it remains unverified until the next ping.
   * @returns whether it was read
   */
  async * #read (taskId: string, read: (reader: LogReader) => LogPieces): TasksChanges<never, boolean> {
    try {
      for await (const piece of read(this.#reader(taskId))) yield { type: 'log', id: taskId, ...piece }
      return true
    } catch (error) {
      if (!(error instanceof TasksError && error.statusCode === 500)) throw error
      this.#unverified.add(taskId)
      return false
    }
  }

  #reader (taskId: string): LogReader {
    const existing = this.#readers.get(taskId)
    if (existing !== undefined) return existing
    const reader = new LogReader(this.#http, taskId)
    this.#readers.set(taskId, reader)
    return reader
  }
}
