import { randomBytes } from 'node:crypto'
import { bisect } from '../util/bisect.ts'
import { parseEventId, type TaskDeletedEvent, type TaskEvent, type TaskLogEvent, type TaskUpsertEvent } from '../store.ts'
import type { StoredTask } from '../shared/stored-task.ts'
import type { LogChange } from './log/log-tail.ts'

const MAX_EVENTS = 10_000
const MAX_BYTES = 16 * 1024 * 1024

interface LogHead {
  end: number
  sequence: number
  /** The event that told the last rewrite. */
  truncatedAt?: number
}

/**
 * Assigns event ids and buffers recent events for reconnecting clients: the last task events (at most
 * `maxEvents`, and `maxBytes` of JSON), and of each log its newest size, never its bytes.
 */
export class EventHistory {
  /** Random per run, so that ids of an earlier run are never mistaken for current ones. */
  readonly #epoch = randomBytes(6).readUIntBE(0, 6).toString(36)
  readonly #maxEvents: number
  readonly #maxBytes: number
  readonly #logs = new Map<string, LogHead>()
  #events: Array<{ sequence: number, bytes: number, event: TaskUpsertEvent | TaskDeletedEvent }> = []
  #first = 0
  #bytes = 0
  #sequence = 0
  /** Task events up to this one are forgotten. */
  #forgotten = 0

  constructor ({ maxEvents = MAX_EVENTS, maxBytes = MAX_BYTES } = {}) {
    this.#maxEvents = maxEvents
    this.#maxBytes = maxBytes
  }

  get lastEventId (): string {
    return this.#id(this.#sequence)
  }

  upsert (task: StoredTask): TaskUpsertEvent {
    return this.#remember({ type: 'task.upsert', eventId: this.#id(++this.#sequence), task }, task.json.length)
  }

  deleted (taskId: string): TaskDeletedEvent {
    this.#logs.delete(taskId)
    return this.#remember({ type: 'task.deleted', eventId: this.#id(++this.#sequence), taskId }, taskId.length)
  }

  log (taskId: string, change: LogChange): TaskLogEvent {
    const sequence = ++this.#sequence
    const truncatedAt = change.truncated ? sequence : this.#logs.get(taskId)?.truncatedAt
    this.#logs.set(taskId, { end: change.end, sequence, ...(truncatedAt !== undefined && { truncatedAt }) })
    return { type: 'task.log', eventId: this.#id(sequence), taskId, ...change }
  }

  /** Undefined: malformed, of another run, or too old. */
  since (eventId: string): TaskEvent[] | undefined {
    const from = parseEventId(eventId)
    if (from?.epoch !== this.#epoch || from.sequence > this.#sequence || from.sequence < this.#forgotten) return undefined
    const missed: Array<{ sequence: number, event: TaskEvent }> = this.#events.slice(this.#indexAfter(from.sequence))
    for (const [taskId, { end, sequence, truncatedAt = 0 }] of this.#logs) {
      if (truncatedAt > from.sequence) {
        missed.push({ sequence: truncatedAt, event: { type: 'task.log', eventId: this.#id(truncatedAt), taskId, offset: 0, end: 0, chunk: '', truncated: true } })
      }
      if (sequence > from.sequence && sequence !== truncatedAt) {
        missed.push({ sequence, event: { type: 'task.log', eventId: this.#id(sequence), taskId, offset: end, end, chunk: '' } })
      }
    }
    return missed.sort((a, b) => a.sequence - b.sequence).map(({ event }) => event)
  }

  #id (sequence: number): string {
    return `${this.#epoch}-${sequence}`
  }

  #remember<E extends TaskUpsertEvent | TaskDeletedEvent> (event: E, bytes: number): E {
    this.#events.push({ sequence: this.#sequence, bytes, event })
    this.#bytes += bytes
    while (this.#events.length - this.#first > this.#maxEvents || this.#bytes > this.#maxBytes) {
      const oldest = this.#events[this.#first++]!
      this.#bytes -= oldest.bytes
      this.#forgotten = oldest.sequence
    }
    // the array is cut now and then, not at each event: forgetting stays cheap
    if (this.#first > this.#maxEvents) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
    return event
  }

  /** Index of the first remembered event after a sequence number, by bisection. */
  #indexAfter (sequence: number): number {
    return bisect(this.#events.length, (index) => this.#events[index]!.sequence > sequence, this.#first)
  }
}
