import { openingFrame } from '../sse/stream.ts'
import type { Sink } from '../sse/sink.ts'
import { isUpTo, subscribeTo, type StoreLogger, type TaskEvent, type TaskStore } from '../store.ts'
import { callSafely } from '../util/callbacks.ts'
import { FlushScheduler } from '../util/flush-scheduler.ts'
import { RepeatedErrors } from '../util/repeated-errors.ts'
import { inTimeSlices } from '../util/time-slices.ts'
import { ClientFilter } from './client-filter.ts'
import { Connection } from './connection.ts'
import { createCounters, type FeedCounters } from './counters.ts'
import { eventFrame, readyFrame } from './event-frame.ts'
import type { FeedFilter } from './filter.ts'
import { OutgoingEvent } from './outgoing-event.ts'
import { SharedFrames } from './shared-frames.ts'

/** Characters of pending log chunks above which a flush does not wait. */
const MAX_PENDING_LENGTH = 256 * 1024

export interface FeedOptions {
  /** A client with more unsent bytes than this is disconnected. */
  readonly clientBufferBytes: number
}

/** An admitted client. Call exactly one of the methods; they do not throw. */
export interface Admission {
  /** Sends the events that the client missed, and then all later ones. */
  start (sink: Sink): Connection
  /** For a client that has disconnected during its admission. */
  cancel (): void
}

/** The events that a client missed, if it can resume. */
interface Replay {
  readonly resumed: boolean
  readonly frames: readonly Buffer[]
  /** Id of the last event before the replay. */
  readonly first: string
  /** Id of the last event of the replay. */
  readonly last: string
}

/**
 * Sends the events of a store to all clients. It has one subscription to the store; each event is encoded once, and events
 * that arrive together are sent to each client in one write.
 */
export class Feed {
  readonly counters: FeedCounters = createCounters()
  readonly #store: TaskStore
  readonly #options: FeedOptions
  readonly #errors: RepeatedErrors
  readonly #connections = new Set<Connection>()
  /** For each client that is being admitted: the events since its admission began. */
  readonly #held = new Set<TaskEvent[]>()
  readonly #scheduler = new FlushScheduler(() => this.#flush())
  /** Events that were not yet sent. */
  #pending: OutgoingEvent[] = []
  #pendingLength = 0
  #unsubscribe: (() => void) | undefined
  /** Whether the subscription includes log events. */
  #hasLogs = false
  #isClosed = false

  /** @param log must not throw */
  constructor (store: TaskStore, options: FeedOptions, log: StoreLogger) {
    this.#store = store
    this.#options = options
    this.#errors = new RepeatedErrors(log)
  }

  /**
   * Prepares a client: holds new events while the missed ones are loaded from the store.
   * @param lastEventId id of the last event that the client received; if the store does not know it, the client must list again
   */
  async admit (feedFilter: FeedFilter, lastEventId: string | undefined): Promise<Admission> {
    const filter = new ClientFilter(feedFilter, (error) => this.#reportFilterError(error))
    const held: TaskEvent[] = []
    this.#held.add(held)
    try {
      this.#subscribe({ logs: filter.logs })
      const replay = await this.#loadReplay(filter, lastEventId)
      return {
        start: (sink) => this.#start(sink, filter, replay, held),
        cancel: () => this.#discard(held)
      }
    } catch (error) {
      this.#discard(held)
      throw error
    }
  }

  /** Sends the pending events and ends the subscription. */
  close (): void {
    this.#isClosed = true
    this.#flush()
    this.#endSubscription(this.#unsubscribe)
  }

  async #loadReplay (filter: ClientFilter, lastEventId: string | undefined): Promise<Replay> {
    const { lastEventId: current, tasks } = await this.#store.list(filter.needsTasks ? {} : { limit: 1 })
    // parsing and filtering many tasks takes long
    if (filter.needsTasks) await inTimeSlices(tasks, (task) => filter.addVisible(task))
    const fresh: Replay = { resumed: false, frames: [], first: current, last: current }
    const missed = lastEventId === undefined ? undefined : await this.#store.since(lastEventId)
    if (lastEventId === undefined || missed === undefined) return fresh
    const frames = missed.flatMap((event) => filter.apply(event, { isReplay: true })).map(eventFrame)
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0)
    // a larger replay would exceed the client's buffer and disconnect the client again and again; listing is cheaper
    if (bytes > this.#options.clientBufferBytes / 2) return fresh
    return { resumed: true, frames, first: lastEventId, last: missed.at(-1)?.eventId ?? lastEventId }
  }

  #start (sink: Sink, filter: ClientFilter, { resumed, frames, first, last }: Replay, held: TaskEvent[]): Connection {
    this.#held.delete(held)
    if (resumed) this.counters.resumed++
    const connection = this.#connect(sink, filter, last)
    const opening = [openingFrame(), readyFrame(first, { at: Date.now(), resumed }), ...frames]
    connection.send(Buffer.concat(opening), frames.length, last)
    const later = held.filter((event) => !isUpTo(event.eventId, last))
    if (later.length > 0) connection.sendFiltered(later.map((event) => new OutgoingEvent(event)), later.at(-1)!.eventId)
    return connection
  }

  #connect (sink: Sink, filter: ClientFilter, position: string): Connection {
    // the held events of this client include the pending ones, which must not be sent to it twice
    this.#flush()
    const connection = new Connection(sink, {
      filter, maxBytes: this.#options.clientBufferBytes, counters: this.counters, position
    })
    this.#connections.add(connection)
    sink.on('close', () => {
      this.#connections.delete(connection)
      this.#unsubscribeLogs()
    })
    return connection
  }

  #discard (held: TaskEvent[]): void {
    this.#held.delete(held)
    this.#unsubscribeLogs()
  }

  get #hasClients (): boolean {
    return this.#connections.size + this.#held.size > 0
  }

  /** Logs are not read for clients that have left. */
  #unsubscribeLogs (): void {
    if (this.#isClosed || this.#hasClients) return
    callSafely(() => this.#subscribe({ logs: false }), (error) => this.#errors.report('the store cannot change a subscription', error))
  }

  /** Log events are added for the first client that needs them, and removed after the last client. */
  #subscribe ({ logs }: { readonly logs: boolean }): void {
    const needsLogs = logs || (this.#hasLogs && this.#hasClients)
    if (this.#unsubscribe !== undefined && needsLogs === this.#hasLogs) return
    const previous = this.#unsubscribe
    this.#unsubscribe = subscribeTo(this.#store, (event) => this.#receive(event), { logs: needsLogs })
    this.#hasLogs = needsLogs
    this.#endSubscription(previous)
  }

  #endSubscription (unsubscribe: (() => void) | undefined): void {
    callSafely(() => unsubscribe?.(), (error) => this.#errors.report('the store cannot end a subscription', error))
  }

  #reportFilterError (error: unknown): void {
    this.counters.filterErrors++
    this.#errors.report('a `where` filter failed; the task is not sent', error)
  }

  #receive (event: TaskEvent): void {
    for (const held of this.#held) held.push(event)
    this.#pending.push(new OutgoingEvent(event))
    if (event.type === 'task.log') this.#pendingLength += event.chunk.length
    if (this.#pendingLength > MAX_PENDING_LENGTH) this.#flush()
    else this.#scheduler.schedule()
  }

  #flush (): void {
    this.#scheduler.cancel()
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    this.#pendingLength = 0
    try {
      this.#send(pending)
    } catch (error) {
      // a store may emit an event that cannot be encoded: the clients reconnect, and list if they cannot resume
      this.#errors.report('events of the store cannot be sent; all clients are disconnected', error)
      for (const connection of this.#connections) connection.destroy()
    }
  }

  #send (pending: readonly OutgoingEvent[]): void {
    const startedAt = performance.now()
    const position = pending.at(-1)!.event.eventId
    const shared = new SharedFrames(pending)
    for (const connection of this.#connections) {
      const { passes } = connection.filter
      if (passes === 'selection' || !connection.keepsUp) {
        connection.sendFiltered(pending, position)
        continue
      }
      const { bytes, count } = shared[passes]
      if (count > 0) connection.send(bytes, count, position)
      else connection.advance(position)
    }
    this.#scheduler.recordFlush(startedAt)
  }
}
