import type { TaskStatus } from '../../shared/task-status.ts'
import { delay } from '../../util/delay.ts'
import { isNotFound, isTransient } from '../errors.ts'
import type { Backoff } from '../http/backoff.ts'
import { readEventStream } from '../http/event-stream.ts'
import type { Http } from '../http/http.ts'
import { queryString, taskPath } from '../http/url.ts'
import { LogReader, type LogPiece, type LogUpdate } from './log-reader.ts'

/** Result of a log that was followed to its end. */
export interface LogEnd {
  /** The final status; null if the task was deleted, or its file contains an unknown status. */
  readonly status: TaskStatus | null
}

/** How a connection ended without an error: with the task, with a rewritten log, or before either. */
type ConnectionResult = LogEnd | 'rewritten' | 'disconnected'

/** Reads one log until its task has finished, across broken connections and restarts of the server. */
export class LogFollower {
  readonly #http: Http
  readonly #taskId: string
  readonly #log: LogReader
  readonly #backoff: Backoff
  #hasConnected = false

  constructor (http: Http, taskId: string, position = 0) {
    this.#http = http
    this.#taskId = taskId
    this.#log = new LogReader(http, taskId, position)
    this.#backoff = http.backoff()
  }

  async * pieces (signal: AbortSignal): AsyncGenerator<LogPiece, LogEnd, undefined> {
    for (;;) {
      let error: unknown
      try {
        const result = yield * this.#connect(signal)
        if (result === 'rewritten') continue
        if (result !== 'disconnected') return result
      } catch (cause) {
        if (this.#hasConnected && isNotFound(cause)) return { status: null }
        if (signal.aborted || !isTransient(cause, { hasSucceeded: this.#hasConnected })) throw cause
        error = cause
      }
      await delay(this.#backoff.next(error), signal)
    }
  }

  async * #connect (signal: AbortSignal): AsyncGenerator<LogPiece, ConnectionResult, undefined> {
    const connection = new AbortController()
    const connectionSignal = AbortSignal.any([signal, connection.signal])
    try {
      const response = await this.#http.open(`${taskPath(this.#taskId)}/log/events${queryString({ position: this.#log.position })}`, {
        headers: { accept: 'text/event-stream' }, signal: connectionSignal
      })
      // the server does not report a rewrite that happened before this connection, which starts at a position in the old log
      if (this.#hasConnected && !await this.#log.isUnchanged(signal)) {
        yield this.#log.reset()
        return 'rewritten'
      }
      this.#hasConnected = true
      return yield * this.#read(response, connectionSignal)
    } finally {
      connection.abort()
    }
  }

  async * #read (response: Response, signal: AbortSignal): AsyncGenerator<LogPiece, LogEnd | 'disconnected', undefined> {
    for await (const { event, data } of readEventStream(response, { signal, onRetry: (delayMs) => this.#backoff.suggest(delayMs) })) {
      if (event === 'end') return JSON.parse(data) as LogEnd
      if (event === 'message') yield * this.#log.apply(JSON.parse(data) as LogUpdate, signal)
      this.#backoff.reset()
    }
    return 'disconnected'
  }
}
