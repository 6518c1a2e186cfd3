import type { Task, TaskSummary } from '../../shared/task-schema.ts'
import { delay } from '../../util/delay.ts'
import { ConnectionError, isTransient } from '../errors.ts'
import type { Backoff } from '../http/backoff.ts'
import { readEventStream, type StreamMessage } from '../http/event-stream.ts'
import type { Http } from '../http/http.ts'
import { queryString, type QueryValue } from '../http/url.ts'
import type { LogUpdate } from '../log/log-reader.ts'
import { LiveLogs } from './live-logs.ts'
import { readSnapshot, type SnapshotScope } from './snapshot.ts'
import { toSummary } from './summary.ts'
import type { TaskCollection } from './task-collection.ts'
import type { TasksChange, TasksChanges } from './tasks-change.ts'

export interface FeedScope extends SnapshotScope {
  /** All logs, none, or those of the tasks with these ids. */
  readonly logs: boolean | readonly string[]
}

/** Keeps a collection up to date: lists the tasks, applies the events of the feed, and reconnects after errors. */
export class LiveFeed<T extends TaskSummary> {
  readonly #http: Http
  readonly #scope: FeedScope
  readonly #tasks: TaskCollection<T>
  readonly #logs: LiveLogs
  /** Position to resume from; undefined: the tasks have to be listed. */
  #lastEventId: string | undefined

  constructor (http: Http, scope: FeedScope, tasks: TaskCollection<T>) {
    this.#http = http
    this.#scope = scope
    this.#tasks = tasks
    this.#logs = new LiveLogs(http, scope.logs)
  }

  /** Yields changes until the signal aborts or a permanent error occurs. A later call resumes where the last one ended. */
  async * changes (signal: AbortSignal): TasksChanges<T> {
    const backoff = this.#http.backoff()
    let hasSucceeded = false
    for (;;) {
      let error: unknown
      try {
        const mustList = this.#lastEventId === undefined
        if (mustList) yield await this.#list(signal)
        hasSucceeded = true
        yield * this.#connect(backoff, signal)
        // the server no longer has the missed events: list immediately, but not twice without a delay
        if (this.#lastEventId === undefined && !mustList) continue
      } catch (cause) {
        if (signal.aborted || !isTransient(cause, { hasSucceeded })) throw cause
        error = cause
      }
      const retryMs = Math.round(backoff.next(error))
      yield { type: 'disconnected', error, retryMs }
      await delay(retryMs, signal)
    }
  }

  async #list (signal: AbortSignal): Promise<TasksChange<T>> {
    const { tasks, lastEventId } = await readSnapshot(this.#http, this.#scope, signal)
    this.#tasks.replaceAll(tasks.map((task) => this.#toListed(task)))
    this.#logs.replaceTasks(new Set(this.#tasks.byId.keys()))
    this.#lastEventId = lastEventId
    return { type: 'snapshot', tasks: this.#tasks.newestFirst() }
  }

  async * #connect (backoff: Backoff, signal: AbortSignal): TasksChanges<T> {
    const response = await this.#http.open(`/events${queryString({ ...feedQuery(this.#scope), lastEventId: this.#lastEventId })}`, {
      headers: { accept: 'text/event-stream' }, signal
    })
    for await (const message of readEventStream(response, { signal, onRetry: (delayMs) => backoff.suggest(delayMs) })) {
      if (message.event === 'ready') {
        if (!this.#parse<{ resumed?: boolean }>(message.data).resumed) {
          this.#lastEventId = undefined
          return
        }
        yield { type: 'connected' }
      }
      if (message.event === 'ready' || message.event === 'ping') yield * this.#logs.verify(signal)
      else yield * this.#apply(message, signal)
      if (message.id !== undefined) this.#lastEventId = message.id
      backoff.reset()
    }
  }

  async * #apply ({ event, data }: StreamMessage, signal: AbortSignal): TasksChanges<T> {
    if (event === 'task.upsert') {
      const task = this.#toListed(this.#parse<Task>(data))
      this.#tasks.set(task)
      yield { type: 'upsert', task }
    } else if (event === 'task.deleted') {
      const { id } = this.#parse<{ id: string }>(data)
      this.#logs.delete(id)
      if (this.#tasks.delete(id)) yield { type: 'deleted', id }
    } else if (event === 'task.log') {
      const { id, ...update } = this.#parse<LogUpdate & { id: string }>(data)
      yield * this.#logs.apply(id, update, signal)
    }
  }

  #toListed (task: Task): T {
    return (this.#scope.isSummary ? toSummary(task) : task) as T
  }

  /**
   * An event that cannot be read may have been any change, so that the tasks have to be listed again.
   * @throws ConnectionError
   */
  #parse<E extends object> (data: string): E {
    try {
      const value = JSON.parse(data)
      if (typeof value === 'object' && value !== null) return value
    } catch { /* reported below */ }
    this.#lastEventId = undefined
    throw new ConnectionError(`The server sent an event that is not a JSON object: ${data.slice(0, 100)}`)
  }
}

function feedQuery ({ taskIds, logs }: FeedScope): Record<string, QueryValue> {
  return { task: taskIds, ...(typeof logs === 'boolean' || logs.length === 0 ? { logs: logs === true } : { log: logs }) }
}
