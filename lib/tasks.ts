import { EventEmitter } from 'node:events'
import {
  checkDeleteOptions, checkFollowOptions, checkListQuery, checkNewTask, checkReadLogOptions, checkSearchOptions
} from './call-options.ts'
import { createTask } from './create-task.ts'
import { FST_TASKS_NOT_FOUND } from './errors.ts'
import { health, type HealthContext, type TasksHealth } from './health.ts'
import { followLogBytes } from './log/follower.ts'
import { readLog, type LogRange, type LogSelection } from './log/read-log.ts'
import { searchLog } from './log/search.ts'
import type { SearchResult } from './shared/api-schemas.ts'
import type { FollowOptions } from './shared/follow-options.ts'
import type { NewTask, Task } from './shared/task-schema.ts'
import type { TaskTypes } from './shared/task-types.ts'
import { subscribeTo, type StoreLogger, type TaskDeletedEvent, type TaskEvent, type TaskLogEvent, type TaskQuery, type TaskStore } from './store.ts'
import { abortable } from './util/abortable-generator.ts'
import { callSafely } from './util/callbacks.ts'
import { defined } from './util/defined.ts'
import { RepeatedErrors } from './util/repeated-errors.ts'
import { inTimeSlices } from './util/time-slices.ts'

/** A task was created or changed. */
export interface TaskUpserted {
  readonly type: 'task.upsert'
  readonly eventId: string
  readonly task: Task
}

/**
 * The events of `fastify.tasks`, in the order in which the changes happened. Log events are emitted only while
 * `task.log` has a listener, because logs are not read otherwise.
 */
export interface TasksEvents {
  'task.upsert': [event: TaskUpserted]
  'task.deleted': [event: TaskDeletedEvent]
  'task.log': [event: TaskLogEvent]
}

/** One page of tasks, newest first. */
export interface ListedTasks {
  readonly tasks: readonly Task[]
  /** The `before` of the next page; absent on the last page. */
  readonly next?: string
  /** Id of the last event that this list reflects. A feed that resumes from it misses nothing. */
  readonly lastEventId: string
}

export interface LogSearchOptions {
  /**
   * Only lines that start before this byte offset: the `next` of the previous search.
   * @default the size of the log
   */
  readonly before?: number
  /**
   * Matches to return, from 1 to 1000.
   * @default 100
   */
  readonly limit?: number
  /** Stops the search, which then resolves with the matches found so far. */
  readonly signal?: AbortSignal
}

/**
 * The tasks of one directory or store, as `fastify.tasks`. In addition to the errors listed at each method, every method
 * rejects with FST_TASKS_STORAGE if the store fails. Ids of unknown tasks and malformed ids are treated alike.
 */
export class Tasks extends EventEmitter<TasksEvents> {
  /** The store, to share with another registration of the plugin: `{ store: fastify.tasks.store }`. */
  readonly store: TaskStore
  readonly #context: HealthContext
  readonly #errors: RepeatedErrors
  readonly #stopped = new AbortController()
  #isStarted = false
  #unsubscribe: (() => void) | undefined

  /** @param log must not throw */
  constructor (context: HealthContext, log: StoreLogger) {
    super()
    this.store = context.store
    this.#context = context
    this.#errors = new RepeatedErrors(log)
    const self: EventEmitter = this
    self.on('newListener', (name) => { if (name === 'task.log') this.#subscribe({ logs: true }) })
    self.on('removeListener', (name) => {
      if (name !== 'task.log') return
      callSafely(() => this.#subscribe({ logs: this.listenerCount('task.log') > 0 }), (error) => this.#errors.report('the store cannot change a subscription', error))
    })
  }

  /** Starts to emit events. The store must be open. */
  start (): void {
    this.#isStarted = true
    this.#subscribe({ logs: this.listenerCount('task.log') > 0 })
  }

  /** Stops emitting events and aborts all log followers. */
  stop (): void {
    this.#isStarted = false
    this.#stopped.abort()
    this.#endSubscription(this.#unsubscribe)
    this.#unsubscribe = undefined
  }

  /**
   * Adds a task to the queue. If a task with `input.id` and the same fields exists, it is returned unchanged with
   * `created: false`, also if it has finished.
   * @throws FST_TASKS_VALIDATION if `input` is invalid, its `command` has more than 131071 bytes, or its `config` more
   * than 131059 bytes as JSON
   * @throws FST_TASKS_EXISTS if a task with `input.id` has other fields
   * @throws FST_TASKS_ID_TAKEN if the id belongs to an unreadable file, or to a task that is being deleted
   * @throws FST_TASKS_UNUSABLE_FILE if what has the name of one of its files is not a regular file, such as a directory
   * @throws FST_TASKS_TOO_LARGE
   * @throws FST_TASKS_STORAGE_FULL
   */
  async create (input: NewTask): Promise<{ task: Task, created: boolean }> {
    checkNewTask(input)
    const { task, created } = await createTask(this.store, input, 'task')
    return { task: task.parse(), created }
  }

  /** @returns undefined if the task does not exist */
  async get (taskId: string): Promise<Task | undefined> {
    return (await this.store.get(taskId))?.parse()
  }

  /**
   * Lists tasks, newest first.
   * @param query default: all tasks
   * @throws FST_TASKS_VALIDATION if an option is invalid, or the place of `before` in the order is unknown
   */
  async list (query: TaskQuery = {}): Promise<ListedTasks> {
    checkListQuery(query)
    const { tasks, next, lastEventId } = await this.store.list(query)
    const parsed: Task[] = []
    await inTimeSlices(tasks, (task) => { parsed.push(task.parse()) })
    return { tasks: parsed, lastEventId, ...(next !== undefined && { next }) }
  }

  /**
   * Cancels a task.
   * @returns the task, and as `outcome` either `cancelled` (it was queued, and is cancelled now) or `requested` (it is
   * running, and the processor will terminate it)
   * @throws FST_TASKS_NOT_FOUND
   * @throws FST_TASKS_NOT_ACTIVE if the task has already finished
   * @throws FST_TASKS_UNUSABLE_FILE as `create` does
   */
  async cancel (taskId: string): Promise<{ outcome: 'cancelled' | 'requested', task: Task }> {
    const { outcome, task } = await this.store.cancel(taskId)
    return { outcome, task: task.parse() }
  }

  /**
   * Deletes a finished task and its log.
   * @param options.force deletes a queued or running task too; the processor then stops its command. Default: false
   * @throws FST_TASKS_VALIDATION if an option is invalid
   * @throws FST_TASKS_NOT_FOUND
   * @throws FST_TASKS_ACTIVE if the task is queued or running, and `force` is false
   * @throws FST_TASKS_UNUSABLE_FILE as `create` does
   */
  async delete (taskId: string, options: { readonly force?: boolean } = {}): Promise<void> {
    checkDeleteOptions(options)
    await this.store.delete(taskId, { force: options.force ?? false })
  }

  /**
   * Reads the log as it is now: all of it, a range of bytes, or the last lines.
   * @returns undefined if there is no log yet
   * @throws FST_TASKS_VALIDATION if an option is invalid
   */
  async readLog (taskId: string, options: LogSelection = {}): Promise<LogRange | undefined> {
    checkReadLogOptions(options)
    return await readLog(this.store, taskId, options, this.#stopped.signal)
  }

  /**
   * Searches the log backwards for lines that contain `text`, ignoring case. One search takes about a second at most; it
   * then returns where to continue.
   * @param text 1 to 200 characters on one line
   * @returns the matching lines, last one first (long lines as an excerpt), with their byte offsets; `next` is the
   * `before` with which to continue, or null if the search has reached the start of the log
   * @throws FST_TASKS_VALIDATION if `text` or an option is invalid
   * @throws FST_TASKS_NOT_FOUND
   */
  async searchLog (taskId: string, text: string, options: LogSearchOptions = {}): Promise<SearchResult> {
    checkSearchOptions(text, options)
    const { before, limit, signal } = options
    if (await this.store.get(taskId) === undefined) throw new FST_TASKS_NOT_FOUND(taskId)
    return await searchLog(this.store, taskId, text, { before, limit, signal: this.#stoppedOr(signal) })
  }

  /**
   * Yields the log's bytes as they are written, until the task has finished or is deleted, the signal aborts, or the
   * server closes. If the log is truncated or rewritten, its new content is yielded from the start.
   * @param options.position byte offset to start at. Default: 0
   * @throws FST_TASKS_VALIDATION if an option is invalid
   * @throws FST_TASKS_NOT_FOUND in the iteration
   */
  followLog (taskId: string, options: FollowOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    checkFollowOptions(options)
    const { position, signal } = options
    return abortable((ended) => this.#followExisting(taskId, { ...defined({ position }), signal: ended }), this.#stoppedOr(signal))
  }

  /** The task types that the processor has published. No types and `anyType: false`: no processor has published any. */
  async types (): Promise<TaskTypes> {
    return await this.store.types()
  }

  /** The health of the store, and the streaming statistics of this registration of the plugin. */
  async health (): Promise<TasksHealth> {
    return await health(this.#context)
  }

  async * #followExisting (taskId: string, options: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
    if (await this.store.get(taskId) === undefined) throw new FST_TASKS_NOT_FOUND(taskId)
    yield * followLogBytes(this.store, taskId, options)
  }

  #stoppedOr (signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#stopped.signal : AbortSignal.any([this.#stopped.signal, signal])
  }

  /** Replaces the subscription, without missing an event or emitting one twice. */
  #subscribe ({ logs }: { logs: boolean }): void {
    if (!this.#isStarted) return
    const previous = this.#unsubscribe
    this.#unsubscribe = subscribeTo(this.store, (event) => this.#report(event), { logs })
    this.#endSubscription(previous)
  }

  #endSubscription (unsubscribe: (() => void) | undefined): void {
    callSafely(() => unsubscribe?.(), (error) => this.#errors.report('the store cannot end a subscription', error))
  }

  /** Unlike `emit`, it also calls the listeners after one that throws, and reports the promise of a listener that rejects. */
  #report (event: TaskEvent): void {
    // parsed only for listeners
    if (this.listenerCount(event.type) === 0) return
    const given = event.type === 'task.upsert' ? { ...event, task: event.task.parse() } : event
    // with the wrappers of `once`
    for (const listener of this.rawListeners(event.type) as Array<(event: unknown) => unknown>) {
      callSafely(() => listener.call(this, given), (error) => this.#errors.report(`a listener of ${event.type} failed`, error))
    }
  }
}
