import { randomBytes } from 'node:crypto'
import type { StoredTask } from '../shared/stored-task.ts'
import { parseEventId, type TaskDeletedEvent, type TaskEvent, type TaskLogEvent, type TaskUpsertEvent } from '../store.ts'
import { bisect } from '../util/bisect.ts'
import type { LogChange } from './log/log-tail.ts'

const MAX_EVENTS = 10_000
/** 16 Mi characters. */
const MAX_BYTES = 16 * 1024 * 1024

export interface EventHistoryOptions {
  /** Number of task events to keep. Default: 10000. */
  readonly maxEvents?: number
  /** Characters of JSON to keep. Default: 16 Mi. */
  readonly maxBytes?: number
}

interface KeptEvent {
  readonly sequence: number
  readonly bytes: number
  readonly event: TaskUpsertEvent | TaskDeletedEvent
}

/** The newest size of a log. */
interface LogSize {
  readonly end: number
  readonly sequence: number
  /** Sequence number of the last truncation. */
  readonly truncatedAt: number | undefined
}

/**
 * Assigns event ids and buffers recent events for reconnecting clients: the last task events, and of each log its newest
 * size, never its bytes.
 */
export class EventHistory {
  /** Random per run, so that ids of an earlier run are never mistaken for current ones. */
  readonly #epoch = randomBytes(6).readUIntBE(0, 6).toString(36)
  readonly #maxEvents: number
  readonly #maxBytes: number
  readonly #logs = new Map<string, LogSize>()
  #events: KeptEvent[] = []
  /** Index of the oldest event that is kept. */
  #first = 0
  #bytes = 0
  #sequence = 0
  /** Sequence number of the last task event. */
  #lastTaskEvent = 0
  /** Sequence number of the last task event that is no longer kept. */
  #lastDropped = 0

  constructor ({ maxEvents = MAX_EVENTS, maxBytes = MAX_BYTES }: EventHistoryOptions = {}) {
    this.#maxEvents = maxEvents
    this.#maxBytes = maxBytes
  }

  get lastEventId (): string {
    return this.#id(this.#sequence)
  }

  /** Id of the last event that was not a log event. */
  get version (): string {
    return this.#id(this.#lastTaskEvent)
  }

  upsert (task: StoredTask): TaskUpsertEvent {
    return this.#keep({ type: 'task.upsert', eventId: this.#id(++this.#sequence), task }, task.json.length)
  }

  deleted (taskId: string): TaskDeletedEvent {
    this.#logs.delete(taskId)
    return this.#keep({ type: 'task.deleted', eventId: this.#id(++this.#sequence), taskId }, taskId.length)
  }

  log (taskId: string, change: LogChange): TaskLogEvent {
    const sequence = ++this.#sequence
    const truncatedAt = change.truncated === true ? sequence : this.#logs.get(taskId)?.truncatedAt
    this.#logs.set(taskId, { end: change.end, sequence, truncatedAt })
    return { type: 'task.log', eventId: this.#id(sequence), taskId, ...change }
  }

  /** The events after this id; undefined if the id is malformed, of another run, or too old. */
  since (eventId: string): TaskEvent[] | undefined {
    const from = parseEventId(eventId)
    if (from?.epoch !== this.#epoch || from.sequence > this.#sequence || from.sequence < this.#lastDropped) return undefined
    const tasks = this.#events.slice(this.#indexAfter(from.sequence))
    return [...tasks, ...this.#logsAfter(from.sequence)].sort((a, b) => a.sequence - b.sequence).map(({ event }) => event)
  }

  /** For each log that changed later: its last truncation if that was later too, and its size. */
  * #logsAfter (from: number): Generator<{ sequence: number, event: TaskLogEvent }> {
    for (const [taskId, { end, sequence, truncatedAt = 0 }] of this.#logs) {
      if (truncatedAt > from) {
        const eventId = this.#id(truncatedAt)
        yield { sequence: truncatedAt, event: { type: 'task.log', eventId, taskId, offset: 0, end: 0, chunk: '', truncated: true } }
      }
      if (sequence > from && sequence !== truncatedAt) {
        yield { sequence, event: { type: 'task.log', eventId: this.#id(sequence), taskId, offset: end, end, chunk: '' } }
      }
    }
  }

  #id (sequence: number): string {
    return `${this.#epoch}-${sequence}`
  }

  #keep<E extends TaskUpsertEvent | TaskDeletedEvent> (event: E, bytes: number): E {
    this.#lastTaskEvent = this.#sequence
    this.#events.push({ sequence: this.#sequence, bytes, event })
    this.#bytes += bytes
    while (this.#events.length - this.#first > this.#maxEvents || this.#bytes > this.#maxBytes) {
      const oldest = this.#events[this.#first++]!
      this.#bytes -= oldest.bytes
      this.#lastDropped = oldest.sequence
    }
    // the array is shortened rarely, not at each event, so that dropping an event is cheap
    if (this.#first > this.#maxEvents) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
    return event
  }

  /** Index of the first kept event after a sequence number. */
  #indexAfter (sequence: number): number {
    return bisect(this.#events.length, (index) => this.#events[index]!.sequence > sequence, this.#first)
  }
}
