import type { TaskStatus } from '../task.ts'
import { delay } from './backoff.ts'
import { BrokenStreamError, isTransient, TasksError } from './errors.ts'
import { readEventStream } from './event-stream.ts'
import { queryOf, type Http } from './http.ts'
import { LogReader, type LogNotice, type LogPiece } from './log-reader.ts'

export interface FollowOptions {
  /**
   * Byte offset to begin at.
   * @default 0
   */
  readonly position?: number
  readonly signal?: AbortSignal
}

/** The final status; null where the task was deleted, or has a status of its own. */
export interface LogEnd {
  readonly status: TaskStatus | null
}

/** Reads a log until its task has ended, across broken connections and restarts of the server. */
export async function * followLog (http: Http, taskId: string, { position = 0, signal }: FollowOptions & { signal: AbortSignal }): AsyncGenerator<LogPiece, LogEnd, undefined> {
  const log = new LogReader(http, taskId, position)
  const backoff = http.backoff
  for (let isFirst = true; ; isFirst = false) {
    let failure: unknown
    try {
      const end = yield * connection(isFirst)
      if (end !== undefined) return end
    } catch (error) {
      if (signal.aborted || !isTransient(error)) {
        if (!isFirst && error instanceof TasksError && error.statusCode === 404) return { status: null }
        throw error
      }
      failure = error
    }
    await delay(backoff.next(failure), signal)
  }

  async function * connection (isFirst: boolean): AsyncGenerator<LogPiece, LogEnd | undefined, undefined> {
    const left = new AbortController()
    const response = await http.request(`/${encodeURIComponent(taskId)}/log/events${queryOf({ position: log.position })}`, {
      headers: { accept: 'text/event-stream' }, signal: AbortSignal.any([signal, left.signal])
    })
    try {
      // a rewrite before this connection is not told on it
      if (!isFirst && !await log.isSame(signal)) yield * log.take({ offset: 0, end: 0, chunk: '', truncated: true }, signal)
      for await (const { event, data } of readEventStream(response, { onRetry: (ms) => { backoff.retryMs = ms } })) {
        if (event === 'end') return JSON.parse(data) as LogEnd
        backoff.reset()
        if (event === 'message') yield * log.take(JSON.parse(data) as LogNotice, signal)
      }
      return undefined
    } finally {
      left.abort(new BrokenStreamError('It was left.'))
    }
  }
}
