import { endable } from '../endable.ts'
import type { Task } from '../task-schema.ts'
import { creationTime, newestFirst } from '../task.ts'
import { delay, type Backoff } from './backoff.ts'
import { isTransient } from './errors.ts'
import { readEventStream, type StreamMessage } from './event-stream.ts'
import { queryOf, type Http } from './http.ts'
import { LogReader, type LogNotice, type LogPiece } from './log-reader.ts'

export interface LiveTasksOptions {
  /** Only these tasks. Default: all. */
  readonly tasks?: readonly string[]
  /**
   * Logs to keep too, from their first byte: of all tasks, or of these.
   * @default false
   */
  readonly logs?: boolean | readonly string[]
  /** Ends it. */
  readonly signal?: AbortSignal
}

export type TasksChange =
  /** All tasks, newest first: at the beginning, and when changes were missed. What is not in it is gone. */
  | { readonly type: 'snapshot', readonly tasks: readonly Task[] }
  | { readonly type: 'upsert', readonly task: Task }
  | { readonly type: 'deleted', readonly id: string }
  | { readonly type: 'log', readonly id: string } & LogPiece
  /** From now on changes come as they happen. */
  | { readonly type: 'connected' }
  /** The connection broke off; it is made again after so many ms, and nothing is lost. */
  | { readonly type: 'disconnected', readonly error: unknown, readonly retryMs: number }

/**
 * A copy of the tasks that is kept right. It goes on while its changes are taken (`for await`), each of which is worked
 * in before it is given; who takes them slowly is sent less, and catches up. Ends with an error where the server
 * refuses (401, 403, 404).
 */
export class LiveTasks implements AsyncIterable<TasksChange> {
  readonly #http: Http
  readonly #narrowing: { task: readonly string[] | undefined, logs?: boolean, log?: readonly string[] }
  readonly #wantsLog: (id: string) => boolean
  readonly #tasks = new Map<string, Task>()
  readonly #logs = new Map<string, LogReader>()
  readonly #closed = new AbortController()
  readonly #signal: AbortSignal | undefined
  /** What to resume from; undefined: the tasks are to be listed. */
  #position: string | undefined
  /** After a list: these logs may be others than before. */
  readonly #unsure = new Set<string>()

  constructor (http: Http, { tasks, logs = false, signal }: LiveTasksOptions) {
    this.#http = http
    this.#wantsLog = typeof logs === 'boolean' ? () => logs : (id) => logs.includes(id)
    this.#narrowing = { task: tasks, ...(typeof logs === 'boolean' || logs.length === 0 ? { logs: logs === true } : { log: logs }) }
    this.#signal = signal
  }

  /** The tasks by id, as of the last change that was taken. */
  get tasks (): ReadonlyMap<string, Task> {
    return this.#tasks
  }

  /** The tasks, newest first. */
  list (): Task[] {
    return [...this.#tasks.values()]
      .map((task) => ({ task, id: task.id, createdAt: creationTime(task) }))
      .sort(newestFirst)
      .map(({ task }) => task)
  }

  /** Ends the changes. */
  close (): void {
    this.#closed.abort()
  }

  [Symbol.asyncIterator] (): AsyncGenerator<TasksChange, void, undefined> {
    const signal = this.#signal === undefined ? this.#closed.signal : AbortSignal.any([this.#signal, this.#closed.signal])
    return endable((end) => this.#changes(end), signal)
  }

  async * #changes (signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    const backoff = this.#http.backoff
    for (;;) {
      let failure: unknown
      try {
        const lists = this.#position === undefined
        if (lists) yield { type: 'snapshot', tasks: await this.#list(signal) }
        yield * this.#connection(backoff, signal)
        // what was missed is too long ago: list again, but not over and over without a pause
        if (this.#position === undefined && !lists) continue
      } catch (error) {
        if (this.#closed.signal.aborted) return
        if (signal.aborted || !isTransient(error)) throw error
        failure = error
      }
      const retryMs = Math.round(backoff.next(failure))
      yield { type: 'disconnected', error: failure, retryMs }
      await delay(retryMs, signal)
    }
  }

  async #list (signal: AbortSignal): Promise<Task[]> {
    const tasks = this.#narrowing.task
    const response = await this.#http.request(tasks === undefined ? '' : '?limit=1', { signal })
    const position = response.headers.get('last-event-id')
    // by CORS, a page of another origin sees only the headers that are named
    if (position === null) throw new Error('The list has no Last-Event-ID header. A server that other origins may use has to expose it (CORS).')
    const listed = await response.json() as Task[]
    const found = tasks === undefined ? listed : await this.#each(tasks, signal)
    this.#tasks.clear()
    for (const task of found) this.#tasks.set(task.id, task)
    for (const id of this.#logs.keys()) if (!this.#tasks.has(id)) this.#logs.delete(id)
    this.#unsure.clear()
    for (const id of this.#tasks.keys()) if (this.#wantsLog(id)) this.#unsure.add(id)
    this.#position = position
    return this.list()
  }

  /** After the list, which gave the position: what is newer than that is told again. */
  async #each (ids: readonly string[], signal: AbortSignal): Promise<Task[]> {
    const tasks: Task[] = []
    for (const id of ids) {
      const response = await this.#http.request(`/${encodeURIComponent(id)}`, { signal, accept: [404] })
      if (response.ok) tasks.push(await response.json() as Task)
      else await response.body?.cancel()
    }
    return tasks
  }

  async * #connection (backoff: Backoff, signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    const left = new AbortController()
    const response = await this.#http.request(`/events${queryOf({ ...this.#narrowing, lastEventId: this.#position })}`, {
      headers: { accept: 'text/event-stream' }, signal: AbortSignal.any([signal, left.signal])
    })
    try {
      for await (const message of readEventStream(response, { onRetry: (ms) => { backoff.retryMs = ms } })) {
        if (message.event === 'ready') {
          if (!JSON.parse(message.data).resumed) {
            this.#position = undefined
            return
          }
          backoff.reset()
          yield { type: 'connected' }
          yield * this.#catchUp(signal)
        }
        yield * this.#take(message, signal)
        if (message.id !== undefined) this.#position = message.id
      }
    } finally {
      left.abort()
    }
  }

  async * #catchUp (signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    for (const id of this.#unsure) {
      yield * changesOf(id, this.#log(id).catchUp(signal))
      this.#unsure.delete(id)
    }
  }

  async * #take ({ event, data }: StreamMessage, signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    if (event === 'task.upsert') {
      const task = JSON.parse(data) as Task
      this.#tasks.set(task.id, task)
      yield { type: 'upsert', task }
    } else if (event === 'task.deleted') {
      const { id } = JSON.parse(data) as { id: string }
      this.#logs.delete(id)
      if (this.#tasks.delete(id)) yield { type: 'deleted', id }
    } else if (event === 'task.log') {
      const { id, ...notice } = JSON.parse(data) as LogNotice & { id: string }
      if (this.#wantsLog(id)) yield * changesOf(id, this.#log(id).take(notice, signal))
    }
  }

  #log (id: string): LogReader {
    let log = this.#logs.get(id)
    if (log === undefined) this.#logs.set(id, log = new LogReader(this.#http, id))
    return log
  }
}

async function * changesOf (id: string, pieces: AsyncGenerator<LogPiece, void, undefined>): AsyncGenerator<TasksChange, void, undefined> {
  for await (const piece of pieces) yield { type: 'log', id, ...piece }
}
