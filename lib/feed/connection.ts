import { pingFrame, withoutId } from '../sse/frame.ts'
import type { Sink } from '../sse/sink.ts'
import type { TaskLogEvent } from '../store.ts'
import type { ClientFilter } from './client-filter.ts'
import type { FeedCounters } from './counters.ts'
import { eventFrame } from './event-frame.ts'
import type { OutgoingEvent } from './outgoing-event.ts'
import { sizeUpdate, truncation } from './size-update.ts'

export interface ConnectionOptions {
  readonly filter: ClientFilter
  /** The client is disconnected if it has more unsent bytes than this. */
  readonly maxBytes: number
  readonly counters: FeedCounters
  /** Id of the last event that the client has received. */
  readonly position: string
}

/** The last of the skipped events of one log. */
interface SkippedLog {
  readonly eventId: string
  readonly end: number
  /** Whether any skipped event reported a truncation. */
  readonly truncated: boolean
}

/**
 * One client of the feed. Above half the buffer limit, log chunks are skipped, and a size update follows when the buffer has
 * drained. Above the limit, the client is disconnected; it reconnects and resumes.
 */
export class Connection {
  readonly filter: ClientFilter
  readonly #sink: Sink
  readonly #maxBytes: number
  readonly #counters: FeedCounters
  /** By task id. */
  readonly #skipped = new Map<string, SkippedLog>()
  /** Id of the last event before any skipped one: a client that reconnects with it misses nothing. */
  #position: string

  constructor (sink: Sink, { filter, maxBytes, counters, position }: ConnectionOptions) {
    this.filter = filter
    this.#sink = sink
    this.#maxBytes = maxBytes
    this.#counters = counters
    this.#position = position
    sink.on('drain', () => this.#sendSizeUpdates())
  }

  /** Whether shared frames can be sent to this client unchanged. */
  get keepsUp (): boolean {
    return this.#skipped.size === 0 && this.#sink.writableLength <= this.#maxBytes / 2
  }

  /**
   * Sends shared frames.
   * @param bytes the frames, joined
   * @param count the number of events in them
   * @param position id of the last event
   */
  send (bytes: Buffer, count: number, position: string): void {
    if (this.#sink.destroyed) return
    this.#position = position
    this.#counters.deliveries += count
    this.#counters.bytes += bytes.length
    this.#sink.write(bytes)
  }

  /** None of the events since the current position, up to this id, passes the filter. */
  advance (position: string): void {
    this.#position = position
  }

  /**
   * Sends the events that pass the filter and fit into the buffer.
   * @param position id of the last event
   */
  sendFiltered (outgoing: readonly OutgoingEvent[], position: string): void {
    if (!this.#isUsable()) return
    this.#sendSizeUpdates()
    this.#write(this.#encode(outgoing))
    if (this.#skipped.size === 0) this.#position = position
  }

  ping (): void {
    if (this.#isUsable()) this.#sink.write(pingFrame(this.#skipped.size === 0 ? this.#position : undefined))
  }

  destroy (): void {
    this.#sink.destroy()
  }

  /** Disconnects the client if its unsent bytes exceed the limit. */
  #isUsable (): boolean {
    if (this.#sink.destroyed) return false
    if (this.#sink.writableLength <= this.#maxBytes) return true
    this.#counters.dropped++
    this.#sink.destroy()
    return false
  }

  #encode (outgoing: readonly OutgoingEvent[]): Buffer[] {
    const frames: Buffer[] = []
    let unsentBytes = this.#sink.writableLength
    const passing = outgoing.flatMap((each) => this.filter.apply(each.event).map((event) => ({ each, event })))
    for (const { each, event } of passing) {
      if (event.type === 'task.deleted') this.#skipped.delete(event.taskId)
      if (event.type === 'task.log' && (this.#skipped.has(event.taskId) || unsentBytes > this.#maxBytes / 2)) {
        this.#skip(event)
        continue
      }
      // the final status of a task must follow the last bytes of its log, or their size
      if (event.type === 'task.upsert') frames.push(...this.#takeSizeUpdate(event.task.id))
      const frame = event === each.event ? each.frame : eventFrame(event)
      frames.push(this.#skipped.size === 0 ? frame : withoutId(frame))
      unsentBytes += frame.length
      if (this.#skipped.size === 0) this.#position = event.eventId
    }
    return frames
  }

  #skip ({ taskId, eventId, end, truncated }: TaskLogEvent): void {
    this.#counters.withheld++
    const wasTruncated = this.#skipped.get(taskId)?.truncated === true
    this.#skipped.set(taskId, { eventId, end, truncated: truncated === true || wasTruncated })
  }

  #sendSizeUpdates (): void {
    if (this.#skipped.size === 0 || this.#sink.writableLength > this.#maxBytes / 4) return
    this.#write([...this.#skipped.keys()].flatMap((taskId) => this.#takeSizeUpdate(taskId)))
  }

  /** Frames without an id, because an id would claim that all events before it were delivered. */
  #takeSizeUpdate (taskId: string): Buffer[] {
    const skipped = this.#skipped.get(taskId)
    if (skipped === undefined) return []
    this.#skipped.delete(taskId)
    const { eventId, end, truncated } = skipped
    const events = [...truncated ? [truncation({ eventId, taskId })] : [], sizeUpdate({ eventId, taskId, end })]
    return events.map((event) => withoutId(eventFrame(event)))
  }

  #write (frames: readonly Buffer[]): void {
    if (frames.length === 0) return
    const bytes = frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    this.#counters.deliveries += frames.length
    this.#counters.bytes += bytes.length
    this.#sink.write(bytes)
  }
}
