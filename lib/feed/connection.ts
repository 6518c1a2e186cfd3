import type { TaskEvent, TaskLogEvent } from '../store.ts'
import type { Filtering } from './filter.ts'
import { eventFrame, pingFrame, type Frame } from '../sse/frame.ts'
import type { Sink } from '../sse/sink.ts'

/** Counted over all connections of a feed. */
export interface FeedCounters {
  deliveries: number
  bytes: number
  withheld: number
  dropped: number
  resumed: number
}

/** An event with its encoded frame, which is created once and shared by all connections. */
export class Outgoing {
  readonly event: TaskEvent
  #frame: Frame | undefined

  constructor (event: TaskEvent) {
    this.event = event
  }

  get frame (): Frame {
    this.#frame ??= eventFrame(this.event)
    return this.#frame
  }
}

/** What a slow client was not sent of one log. */
interface Withheld {
  eventId: string
  end: number
  truncated: boolean
}

export interface ConnectionContext {
  readonly filtering: Filtering
  /** Unsent bytes past which the client is cut off. */
  readonly maxBytes: number
  readonly counters: FeedCounters
  /** The last event that the client was told. */
  readonly position: string
}

/**
 * One client. Above half the buffer limit, log chunks are skipped and only the log's size is sent once there is room;
 * above the limit the client is disconnected, to reconnect and resume.
 */
export class Connection {
  readonly filtering: Filtering
  readonly #sink: Sink
  readonly #maxBytes: number
  readonly #counters: FeedCounters
  readonly #withheld = new Map<string, Withheld>()
  /** Id of the last event before any skipped one: a reconnecting client is guaranteed to have seen it. */
  #position: string

  constructor (sink: Sink, { filtering, maxBytes, counters, position }: ConnectionContext) {
    this.filtering = filtering
    this.#sink = sink
    this.#maxBytes = maxBytes
    this.#counters = counters
    this.#position = position
    sink.on('drain', () => this.#release())
  }

  /** Whether shared, pre-encoded bytes can be written to this client unchanged. */
  get keepsUp (): boolean {
    return this.#withheld.size === 0 && this.#sink.writableLength <= this.#maxBytes / 2
  }

  /** Sends joined frames; `events` is how many, `position` the id of the last. */
  send (bytes: Buffer, events: number, position: string): void {
    if (this.#sink.destroyed) return
    this.#position = position
    this.#counters.deliveries += events
    this.#counters.bytes += bytes.length
    this.#sink.write(bytes)
  }

  /** Nothing of what happened up to that event is for this client. */
  passed (position: string): void {
    this.#position = position
  }

  /** Sends what passes the filter and fits; `position` is the id up to which the client is told with that. */
  sendEach (outgoing: readonly Outgoing[], position: string): void {
    if (this.#sink.destroyed) return
    if (this.#sink.writableLength > this.#maxBytes) return this.#drop()
    this.#release()
    const parts: Buffer[] = []
    let unsent = this.#sink.writableLength
    const passing = outgoing.flatMap((each) => this.filtering.apply(each.event).map((event) => ({ each, event })))
    for (const { each, event } of passing) {
      // nobody needs its log's size any more
      if (event.type === 'task.deleted') this.#withheld.delete(event.taskId)
      if (event.type === 'task.log' && (this.#withheld.has(event.taskId) || unsent > this.#maxBytes / 2)) {
        this.#withhold(event)
        continue
      }
      // the end of a task comes after its log's last bytes, or at least after their number
      if (event.type === 'task.upsert') parts.push(...this.#heads(event.task.id))
      const { withId, withoutId } = event === each.event ? each.frame : eventFrame(event)
      parts.push(this.#withheld.size === 0 ? withId : withoutId)
      unsent += withId.length
      if (this.#withheld.size === 0) this.#position = event.eventId
    }
    if (this.#withheld.size === 0) this.#position = position
    this.#write(parts)
  }

  ping (): void {
    if (this.#sink.destroyed) return
    if (this.#sink.writableLength > this.#maxBytes) return this.#drop()
    this.#sink.write(pingFrame(this.#withheld.size === 0 ? this.#position : undefined))
  }

  #drop (): void {
    this.#counters.dropped++
    this.#sink.destroy()
  }

  #withhold ({ taskId, eventId, end, truncated }: TaskLogEvent): void {
    this.#counters.withheld++
    const before = this.#withheld.get(taskId)
    this.#withheld.set(taskId, { eventId, end, truncated: truncated === true || before?.truncated === true })
  }

  /** When there is room again, the sizes of the logs whose chunks were withheld. */
  #release (): void {
    if (this.#withheld.size === 0 || this.#sink.writableLength > this.#maxBytes / 4) return
    this.#write([...this.#withheld.keys()].flatMap((taskId) => this.#heads(taskId)))
  }

  /** Sent without an id: an id would claim that everything before it was delivered. */
  #heads (taskId: string): Buffer[] {
    const withheld = this.#withheld.get(taskId)
    if (withheld === undefined) return []
    this.#withheld.delete(taskId)
    const { eventId, end, truncated } = withheld
    const heads: TaskEvent[] = [{ type: 'task.log', eventId, taskId, offset: end, end, chunk: '' }]
    if (truncated) heads.unshift({ type: 'task.log', eventId, taskId, offset: 0, end: 0, chunk: '', truncated: true })
    return heads.map((head) => eventFrame(head).withoutId)
  }

  #write (parts: readonly Buffer[]): void {
    if (parts.length === 0) return
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    this.#counters.deliveries += parts.length
    this.#counters.bytes += bytes.length
    this.#sink.write(bytes)
  }
}
