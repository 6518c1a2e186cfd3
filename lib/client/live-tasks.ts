import { abortable } from '../util/abortable-generator.ts'
import type { Task } from '../shared/task-schema.ts'
import { creationTime, newestFirst } from '../shared/task.ts'
import { delay, type Backoff } from './backoff.ts'
import { isNotFound, isTransient, TasksError } from './errors.ts'
import { readEventStream, type StreamMessage } from './event-stream.ts'
import { pathOf, queryOf, type Http } from './http.ts'
import { LogReader, type LogNotice, type LogPiece } from './log-reader.ts'

export interface LiveTasksOptions {
  /** Only these tasks, at least one. Default: all. */
  readonly tasks?: readonly string[] | undefined
  /**
   * Logs to keep too, from their first byte: of all tasks, or of these.
   * @default false
   */
  readonly logs?: boolean | readonly string[] | undefined
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
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
 * A live copy of the tasks. It advances while its changes are consumed with `for await`; each change is applied before
 * it is yielded. Slow consumers receive fewer events and catch up. Iteration can be resumed later.
 * Ends with an error where the server refuses (401, 403, 404).
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
  /** Logs that need to be checked for rewrites or growth: after a list, or after a read error. */
  readonly #unsure = new Set<string>()
  #isTaken = false

  /** @throws RangeError */
  constructor (http: Http, { tasks, logs = false, signal }: LiveTasksOptions) {
    if (tasks?.length === 0) throw new RangeError('`tasks` has to name at least one task')
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
    return abortable((end) => this.#changes(end), signal)
  }

  async * #changes (signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    if (this.#isTaken) throw new Error('This collection already has a consumer.')
    this.#isTaken = true
    try {
      yield * this.#connections(signal)
    } catch (error) {
      if (!this.#closed.signal.aborted) throw error
    } finally {
      this.#isTaken = false
    }
  }

  async * #connections (signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    const backoff = this.#http.backoff()
    for (let worked = false; ;) {
      let failure: unknown
      try {
        const lists = this.#position === undefined
        if (lists) yield { type: 'snapshot', tasks: await this.#list(signal) }
        worked = true
        yield * this.#connection(backoff, signal)
        // what was missed is too long ago: list again, but not over and over without a pause
        if (this.#position === undefined && !lists) continue
      } catch (error) {
        if (signal.aborted || !isTransient(error, { worked })) throw error
        failure = error
      }
      const retryMs = Math.round(backoff.next(failure))
      yield { type: 'disconnected', error: failure, retryMs }
      await delay(retryMs, signal)
    }
  }

  async #list (signal: AbortSignal): Promise<Task[]> {
    const only = this.#narrowing.task
    const { value: listed, headers } = await this.#http.json<Task[]>(only === undefined ? '' : '?limit=1', { signal })
    const position = headers.get('last-event-id')
    // by CORS, a page of another origin sees only the headers that are named
    if (position === null) throw new Error('The response has no Last-Event-ID header. For cross-origin use, the server must expose it (CORS exposedHeaders).')
    const found = only === undefined ? listed : await this.#each(only, signal)
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
      try {
        tasks.push((await this.#http.json<Task>(pathOf(id), { signal })).value)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    }
    return tasks
  }

  async * #connection (backoff: Backoff, signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    const response = await this.#http.open(`/events${queryOf({ ...this.#narrowing, lastEventId: this.#position })}`, {
      headers: { accept: 'text/event-stream' }, signal
    })
    for await (const message of readEventStream(response, { signal, onRetry: (ms) => { backoff.retryMs = ms } })) {
      if (message.event === 'ready') {
        if (!JSON.parse(message.data).resumed) {
          this.#position = undefined
          return
        }
        yield { type: 'connected' }
      }
      if (message.event === 'ready' || message.event === 'ping') yield * this.#catchUp(signal)
      else yield * this.#take(message, signal)
      if (message.id !== undefined) this.#position = message.id
      backoff.reset()
    }
  }

  async * #catchUp (signal: AbortSignal): AsyncGenerator<TasksChange, void, undefined> {
    for (const id of [...this.#unsure]) {
      if (yield * this.#read(id, (log) => log.catchUp(signal))) this.#unsure.delete(id)
    }
  }

  /**
   * One log that the server can't read must not hold up the rest: it is tried again with the next ping.
   * @returns whether it was read
   */
  async * #read (id: string, read: (log: LogReader) => AsyncGenerator<LogPiece, void, undefined>): AsyncGenerator<TasksChange, boolean, undefined> {
    try {
      for await (const piece of read(this.#log(id))) yield { type: 'log', id, ...piece }
      return true
    } catch (error) {
      if (!(error instanceof TasksError && error.statusCode === 500)) throw error
      this.#unsure.add(id)
      return false
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
      this.#unsure.delete(id)
      if (this.#tasks.delete(id)) yield { type: 'deleted', id }
    } else if (event === 'task.log') {
      const { id, ...notice } = JSON.parse(data) as LogNotice & { id: string }
      if (this.#wantsLog(id)) yield * this.#read(id, (log) => log.take(notice, signal))
    }
  }

  #log (id: string): LogReader {
    let log = this.#logs.get(id)
    if (log === undefined) this.#logs.set(id, log = new LogReader(this.#http, id))
    return log
  }
}
