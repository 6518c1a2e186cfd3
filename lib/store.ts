import type { Readable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { NewTask } from './shared/task-schema.ts'
import type { StoredTask, TaskStatus } from './shared/task.ts'
import type { TaskTypes } from './shared/task-types.ts'

/** The part of a logger that a store uses; Fastify's logger, pino and console-like ones fit. */
export type Logger = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error'>

/**
 * What happened, in the order in which it happened. `eventId` is `<epoch>-<sequence>`: a base-36 epoch and a decimal
 * sequence number that increases with every event. (ring.ts makes the epoch random, so it does not "grow": comment and
 * code disagree.)
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
  /** Byte offset after the chunk; a *head* (an empty chunk with `offset === end`) tells the size alone. */
  readonly end: number
  /** The text of those bytes, cut at character boundaries. */
  readonly chunk: string
  /** The log shrank or was rewritten: what was read before no longer counts; start over at `offset`. */
  readonly truncated?: true
  /** The bytes were not valid UTF-8; read the range to get the originals. */
  readonly lossy?: true
}

export interface TaskQuery {
  /** Only these states. Default: all. */
  readonly status?: readonly TaskStatus[]
  /** At most this many tasks. Default: all. */
  readonly limit?: number
  /** Only tasks that come after this id in the order, newest first. */
  readonly before?: string
}

export interface TaskList {
  readonly tasks: readonly StoredTask[]
  /** The `before` of the next page; absent on the last one. */
  readonly next?: string
  /** Id of the last event already reflected in this list. */
  readonly lastEventId: string
}

export interface LogContent {
  /** Size of the whole log in bytes when it was opened. */
  readonly size: number
  /** A strong entity tag, quotes included. */
  readonly etag: string
  /** The bytes of the range; destroy it when it is not read to its end. */
  readonly body: Readable
}

export interface Interest {
  /** In the logs of all tasks, of none, or of the one with this id. */
  readonly logs: boolean | string
}

export interface HealthProblem {
  /** For programs, in kebab case. */
  readonly code: string
  /** Human-readable: the problem and its fix. */
  readonly message: string
  /** How many files or events it concerns, where that can be counted. */
  readonly count?: number
}

export interface StoreHealth {
  readonly processorAlive: boolean
  readonly problems: readonly HealthProblem[]
  /** Figures of this kind of store, for people. */
  readonly [detail: string]: unknown
}

/**
 * Storage backend; the only interface the feed and the routes depend on. `open` and `close` are reference-counted: a
 * store shared by several plugin instances closes with the last one.
 */
export interface TaskStore {
  /** @throws FST_TASKS_DIRECTORY (or the store's own) when it can't work at all. */
  open (context: { log: Logger }): Promise<void>
  close (): Promise<void>
  health (): Promise<StoreHealth>
  /** Task types last published by the processor. Informational only: the processor decides what actually runs. */
  types (): Promise<TaskTypes>
  list (query: TaskQuery): Promise<TaskList>
  get (taskId: string): Promise<StoredTask | undefined>
  /** With an id that exists already: the first task, `created: false`. */
  create (input: NewTask): Promise<{ task: StoredTask, created: boolean }>
  /**
   * @throws FST_TASKS_NOT_FOUND
   * @throws FST_TASKS_NOT_ACTIVE when the task has ended
   */
  cancel (taskId: string): Promise<{ outcome: 'cancelled' | 'requested', task: StoredTask }>
  /**
   * @throws FST_TASKS_NOT_FOUND
   * @throws FST_TASKS_ACTIVE when the task is queued or running and `force` is false
   */
  remove (taskId: string, options: { force: boolean }): Promise<void>
  /**
   * Bytes `start` to `end` (exclusive; default: the size). Undefined: there is no log (yet). A `start` beyond the
   * size gives an empty body.
   */
  readLog (taskId: string, range: { start: number, end?: number }): Promise<LogContent | undefined>
  /**
   * The listener is called once for each event from now on, in order. Log events may be left out in which it is not
   * interested.
   * @returns ends the subscription
   */
  subscribe (listener: (event: TaskEvent) => void, interest: Interest): () => void
  /**
   * Events after the given one, oldest first, with log events reduced to sizes. Undefined if the id is malformed, from
   * another run or too old; the caller must list again.
   */
  since (eventId: string): Promise<TaskEvent[] | undefined>
}

const eventId = /^([0-9a-z]{1,20})-([0-9]{1,15})$/

/** The parts of an event id, or undefined where it is malformed. */
export function parseEventId (id: string): { epoch: string, sequence: number } | undefined {
  const [, epoch, sequence] = eventId.exec(id) ?? []
  return epoch === undefined ? undefined : { epoch, sequence: Number(sequence) }
}

/** Whether `id` is `other` or came before it; both were issued by one store. */
export function isUpTo (id: string, other: string): boolean {
  const [a, b] = [parseEventId(id), parseEventId(other)]
  if (a === undefined || b === undefined) return false
  if (a.epoch === b.epoch) return a.sequence <= b.sequence
  return Number.parseInt(a.epoch, 36) < Number.parseInt(b.epoch, 36)
}
