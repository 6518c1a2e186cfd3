import { EventEmitter } from 'node:events'
import { FST_TASKS_VALIDATION } from './errors.ts'
import { health, type HealthContext, type TasksHealth } from './health.ts'
import { followLogBytes } from './log/follower.ts'
import type { FollowOptions } from './shared/follow-options.ts'
import type { LogContent, TaskDeletedEvent, TaskList, TaskLogEvent, TaskQuery, TaskStore, TaskUpsertEvent } from './store.ts'
import { NewTaskSchema, type NewTask } from './shared/task-schema.ts'
import type { StoredTask } from './shared/task.ts'
import type { TaskTypes } from './shared/task-types.ts'
import { compileCheck } from './shared/validation.ts'

const check = compileCheck(NewTaskSchema)

export interface TasksEvents {
  'task.upsert': [event: TaskUpsertEvent]
  'task.deleted': [event: TaskDeletedEvent]
  'task.log': [event: TaskLogEvent]
}

/** The `fastify.tasks` decorator. Methods throw the same errors as the store. */
export class Tasks extends EventEmitter<TasksEvents> {
  readonly store: TaskStore
  readonly #context: HealthContext
  #started = false
  #followers = new AbortController()
  #unsubscribe: (() => void) | undefined

  constructor (context: HealthContext) {
    super()
    this.store = context.store
    this.#context = context
    // Logs are read only while somebody listens to them.
    const self: EventEmitter = this
    self.on('newListener', (name) => { if (name === 'task.log') this.#subscribe(true) })
    self.on('removeListener', (name) => { if (name === 'task.log') this.#subscribe(this.listenerCount('task.log') > 0) })
  }

  /** Begins to emit; the store is open. */
  start (): void {
    this.#started = true
    this.#subscribe(this.listenerCount('task.log') > 0)
  }

  /** Stops emitting events and aborts all log followers. */
  stop (): void {
    this.#started = false
    this.#followers.abort()
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  /** @throws FST_TASKS_VALIDATION, FST_TASKS_ID_TAKEN, FST_TASKS_TOO_LARGE, FST_TASKS_STORAGE, FST_TASKS_STORAGE_FULL */
  async create (input: NewTask): Promise<{ task: StoredTask, created: boolean }> {
    const problem = check(input)
    if (problem !== undefined) throw new FST_TASKS_VALIDATION(`task${problem.path} ${problem.message}`)
    return await this.store.create(input)
  }

  async get (taskId: string): Promise<StoredTask | undefined> {
    return await this.store.get(taskId)
  }

  /** The tasks, newest first. */
  async list (query: TaskQuery = {}): Promise<TaskList> {
    return await this.store.list(query)
  }

  /** @throws FST_TASKS_NOT_FOUND, FST_TASKS_NOT_ACTIVE */
  async cancel (taskId: string): Promise<{ outcome: 'cancelled' | 'requested', task: StoredTask }> {
    return await this.store.cancel(taskId)
  }

  /** @throws FST_TASKS_NOT_FOUND, FST_TASKS_ACTIVE */
  async remove (taskId: string, { force = false } = {}): Promise<void> {
    await this.store.remove(taskId, { force })
  }

  /** Bytes from `start` (default 0) to `end` (exclusive; default: all there are now). Undefined: no log yet. */
  async readLog (taskId: string, { start = 0, end }: { start?: number, end?: number } = {}): Promise<LogContent | undefined> {
    return await this.store.readLog(taskId, { start, ...(end !== undefined && { end }) })
  }

  /** The log's bytes as they come, until the task has ended or is deleted. Starts over where the log shrinks. */
  followLog (taskId: string, options: FollowOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    const signals = options.signal === undefined ? [this.#followers.signal] : [this.#followers.signal, options.signal]
    return followLogBytes(this.store, taskId, { ...options, signal: AbortSignal.any(signals) })
  }

  /** The types of tasks that the processor published, for forms. None, and `anyType: false`: it told nothing (yet). */
  async types (): Promise<TaskTypes> {
    return await this.store.types()
  }

  /** How the store is, and what the feed has sent. */
  async health (): Promise<TasksHealth> {
    return await health(this.#context)
  }

  #subscribe (logs: boolean): void {
    if (!this.#started) return
    const before = this.#unsubscribe
    this.#unsubscribe = this.store.subscribe((event) => {
      if (event.type === 'task.upsert') this.emit(event.type, event)
      else if (event.type === 'task.deleted') this.emit(event.type, event)
      else this.emit(event.type, event)
    }, { logs })
    before?.()
  }
}
