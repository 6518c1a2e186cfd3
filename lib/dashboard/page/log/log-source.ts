import { TasksError, type LogEnd, type LogPiece, type TasksClient } from '../../../client/index.ts'
import { emptyBytes, type LogBytes } from './log-bytes.ts'

/** The log of one task, read through the API. */
export class LogSource {
  readonly #client: TasksClient
  readonly #id: string
  readonly #onSize: (size: number | undefined) => void

  /** @param onSize is called with the log's size after each read; undefined if there is no log yet */
  constructor (client: TasksClient, id: string, onSize: (size: number | undefined) => void) {
    this.#client = client
    this.#id = id
    this.#onSize = onSize
  }

  /** In bytes; 0 if there is no log yet. */
  async size (signal: AbortSignal): Promise<number> {
    return await this.#client.logSize(this.#id, { signal }) ?? 0
  }

  /** Reads bytes; fewer if the log ends before, and none if the task does not exist. */
  async read (start: number, end: number, signal: AbortSignal | undefined): Promise<LogBytes> {
    if (start >= end) return emptyBytes(start)
    try {
      const log = await this.#client.readLog(this.#id, { start, end, signal })
      this.#onSize(log?.size)
      return log === undefined ? emptyBytes(start) : { offset: start, bytes: new Uint8Array(await new Response(log.body).arrayBuffer()) }
    } catch (error) {
      if (error instanceof TasksError && error.code === 'FST_TASKS_NOT_FOUND') return emptyBytes(start)
      throw error
    }
  }

  follow (position: number, signal: AbortSignal): AsyncGenerator<LogPiece, LogEnd, undefined> {
    return this.#client.followLog(this.#id, { position, signal })
  }
}
