import type { Readable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { NewTask } from './shared/task-schema.ts'
import type { StoredTask } from './shared/stored-task.ts'
import type { TaskStatus } from './shared/task-status.ts'
import type { TaskTypes } from './shared/task-types.ts'
import { isThenable } from './util/callbacks.ts'

/** The part of a logger that a store uses. Fastify's logger, pino and `console` have it. */
export type StoreLogger = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error'>

/**
 * One change. A store emits changes in the order in which they happened: `running` before the first bytes of the log, and
 * a final status after the last ones. Of changes in quick succession only the last may be reported: a task that started
 * and finished between two looks at it is reported once, as finished, after its output. The `eventId` is
 * `<epoch>-<sequence>`: the epoch in base 36, which belongs to one run of the store, and a decimal sequence number that
 * increases with every event.
 */
export type TaskEvent = TaskUpsertEvent | TaskDeletedEvent | TaskLogEvent

export interface TaskUpsertEvent {
  readonly type: 'task.upsert'
  readonly eventId: string
  readonly task: StoredTask
}

export interface TaskDeletedEvent {
  readonly type: 'task.deleted'
  readonly eventId: string
  readonly taskId: string
}

export interface TaskLogEvent {
  readonly type: 'task.log'
  readonly eventId: string
  readonly taskId: string
  /** Byte offset of the chunk's first byte. */
  readonly offset: number
  /** Byte offset after the chunk. An empty chunk with `offset === end` and without `truncated` is a *size update*: it reports only the size. */
  readonly end: number
  /** The text of those bytes, cut at character boundaries. */
  readonly chunk: string
  /** The log shrank or was rewritten: discard the bytes received so far and continue at `offset`. */
  readonly truncated?: true
  /** The bytes are not valid UTF-8: read the range to get the original ones. */
  readonly lossy?: true
}

export interface TaskQuery {
  /** Only tasks with one of these statuses. Default: all. */
  readonly status?: readonly TaskStatus[]
  /** At most this many tasks. Default: all. */
  readonly limit?: number
  /** Only tasks that follow this place in the order, newest first: the `next` of the previous page, or the id of a task. Default: all. */
  readonly before?: string
}

export interface TaskList {
  readonly tasks: readonly StoredTask[]
  /** The `before` of the next page; absent on the last page. */
  readonly next?: string
  /** Id of the last event that this list includes. */
  readonly lastEventId: string
  /** Changes with every task that is added, changed or deleted. Equal versions and equal queries mean equal lists. */
  readonly version: string
}

export interface LogContent {
  /** Size of the whole log in bytes when it was opened. */
  readonly size: number
  /** A strong entity tag, quotes included. */
  readonly etag: string
  /** The bytes of the range. Destroy it if you do not read it to its end. */
  readonly body: Readable
}

/** The events that a subscriber needs besides those of tasks. */
export interface Interest {
  /** Log events of all tasks (`true`), of none (`false`), or of the task with this id. */
  readonly logs: boolean | string
}

export interface HealthProblem {
  /** In kebab case, for programs. */
  readonly code: string
  /** For people: the problem and how to fix it. Read-only views show it too: it must not contain a path. */
  readonly message: string
  /** Whether tasks cannot run, or the listed ones may be out of date. Default: false. */
  readonly serious?: boolean
  /** Number of files or events that have the problem, if it can be counted. */
  readonly count?: number
}

export interface StoreHealth {
  readonly processorAlive: boolean
  readonly problems: readonly HealthProblem[]
  /** The number of tasks. */
  readonly tasks?: number
  readonly tasksByStatus?: Readonly<Record<TaskStatus, number> & { unknown?: number }>
  /** Time since the creation of the oldest queued task, in ms; null if no task is queued. */
  readonly oldestQueuedMs?: number | null
  /** Limits that the processor has published. */
  readonly limits?: Readonly<Record<string, unknown>>
  /** Details of this kind of store, for its operators: read-only views do not show them. */
  readonly [detail: string]: unknown
}

/**
 * Storage backend: the only interface that the feed and the routes depend on. The plugin counts the registrations that
 * share a store: it calls `open` once before it calls any other method, and `close` once after the last of them.
 */
export interface TaskStore {
  /**
   * It may be called again after it has failed, and after `close` has resolved.
   * @throws FST_TASKS_DIRECTORY, or an error of the store, if the store cannot work at all
   */
  open (context: { log: StoreLogger }): Promise<void>
  close (): Promise<void>
  health (): Promise<StoreHealth>
  /** The task types last published by the processor. Informational: the processor decides which commands run. */
  types (): Promise<TaskTypes>
  /** @throws FST_TASKS_VALIDATION if the place of `before` in the order is unknown */
  list (query: TaskQuery): Promise<TaskList>
  get (taskId: string): Promise<StoredTask | undefined>
  /** If a task with this id exists, it resolves with that task and `created: false`; the caller compares their fields. */
  create (input: NewTask): Promise<{ task: StoredTask, created: boolean }>
  /**
   * @throws FST_TASKS_NOT_FOUND
   * @throws FST_TASKS_NOT_ACTIVE if the task has finished
   */
  cancel (taskId: string): Promise<{ outcome: 'cancelled' | 'requested', task: StoredTask }>
  /**
   * @throws FST_TASKS_NOT_FOUND
   * @throws FST_TASKS_ACTIVE if the task is queued or running and `force` is false
   */
  delete (taskId: string, options: { force: boolean }): Promise<void>
  /**
   * Opens the bytes from `start` to `end` (exclusive; default: the size). A `start` beyond the size gives an empty body.
   * @returns undefined if there is no log (yet)
   */
  readLog (taskId: string, range: { start: number, end?: number }): Promise<LogContent | undefined>
  /**
   * Calls the listener once for each later event, in order. The store may omit log events outside the interest. Pass the
   * same objects to all listeners: the followers of a log share the bytes that belong to an event.
   * @returns a function that ends the subscription
   */
  subscribe (listener: (event: TaskEvent) => void, interest: Interest): () => void
  /**
   * The events after the given one, oldest first, with the log events of a task reduced to its last truncation and a size update.
   * @returns undefined if the id is malformed, of another run, or too old: the caller must list again
   */
  since (eventId: string): Promise<TaskEvent[] | undefined>
}

/** The part of a store that reading and following a log needs. */
export type LogStore = Pick<TaskStore, 'get' | 'readLog' | 'subscribe'>

/**
 * Subscribes to a store, which may be one of the host.
 * @throws what its `subscribe` throws; TypeError if it does not return a function, such as an async method
 */
export function subscribeTo (store: Pick<TaskStore, 'subscribe'>, listener: (event: TaskEvent) => void, interest: Interest): () => void {
  const end: unknown = store.subscribe(listener, interest)
  if (typeof end === 'function') return end as () => void
  if (isThenable(end)) end.then(undefined, () => {})
  throw new TypeError('The method `subscribe` of the store must return a function that ends the subscription.')
}

const eventId = /^([0-9a-z]{1,20})-([0-9]{1,15})$/

/** The parts of an event id; undefined if it is malformed. */
export function parseEventId (id: string): { epoch: string, sequence: number } | undefined {
  const [, epoch, sequence] = eventId.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, sequence: Number(sequence) }
}

/**
 * Whether `id` equals `other` or precedes it. Both must come from one store. Epochs are compared as numbers, for stores that
 * issue increasing ones; ids of a store with a random epoch are compared only within one run.
 */
export function isUpTo (id: string, other: string): boolean {
  const [a, b] = [parseEventId(id), parseEventId(other)]
  if (a === undefined || b === undefined) return false
  if (a.epoch === b.epoch) return a.sequence <= b.sequence
  return Number.parseInt(a.epoch, 36) < Number.parseInt(b.epoch, 36)
}
