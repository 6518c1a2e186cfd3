import type { FollowOptions } from '../shared/follow-options.ts'
import type { TaskStatus } from '../shared/task.ts'
import { delay } from './backoff.ts'
import { isNotFound, isTransient } from './errors.ts'
import { readEventStream } from './event-stream.ts'
import { pathOf, queryOf, type Http } from './http.ts'
import { LogReader, type LogNotice, type LogPiece } from './log-reader.ts'

/** The final status; null where the task was deleted, or has a status of its own. */
export interface LogEnd {
  readonly status: TaskStatus | null
}

/** Reads a log until its task has ended, across broken connections and restarts of the server. */
export async function * followLog (http: Http, taskId: string, { position = 0, signal }: FollowOptions & { signal: AbortSignal }): AsyncGenerator<LogPiece, LogEnd, undefined> {
  const log = new LogReader(http, taskId, position)
  const backoff = http.backoff()
  let worked = false
  for (;;) {
    let failure: unknown
    try {
      const end = yield * connection()
      if (end === 'again') continue
      if (end !== undefined) return end
    } catch (error) {
      if (worked && isNotFound(error)) return { status: null }
      if (signal.aborted || !isTransient(error, { worked })) throw error
      failure = error
    }
    await delay(backoff.next(failure), signal)
  }

  async function * connection (): AsyncGenerator<LogPiece, LogEnd | 'again' | undefined, undefined> {
    const left = new AbortController()
    const both = AbortSignal.any([signal, left.signal])
    try {
      const response = await http.open(`${pathOf(taskId)}/log/events${queryOf({ position: log.position })}`, {
        headers: { accept: 'text/event-stream' }, signal: both
      })
      // a rewrite before this connection is not told on it, and it began where the old log was left
      if (worked && !await log.isSame(signal)) {
        yield log.startOver()
        return 'again'
      }
      worked = true
      for await (const { event, data } of readEventStream(response, { signal: both, onRetry: (ms) => { backoff.retryMs = ms } })) {
        if (event === 'end') return JSON.parse(data) as LogEnd
        if (event === 'message') yield * log.take(JSON.parse(data) as LogNotice, signal)
        backoff.reset()
      }
      return undefined
    } finally {
      left.abort()
    }
  }
}
