import { isUpTo, type TaskEvent, type TaskStore } from '../store.ts'
import { Connection, Outgoing, type FeedCounters } from './connection.ts'
import { Filtering, type FeedFilter } from './filter.ts'
import { eventFrame, readyFrame } from '../sse/frame.ts'
import { openingFrame, type Sink } from '../sse/sink.ts'

/** A flush waits no longer than this for more to join. */
const MAX_WAIT_MS = 5
/** Joined bytes past which a flush does not wait. */
const FLUSH_BYTES = 256 * 1024

export interface FeedOptions {
  /** Unsent bytes for one client past which it is cut off. */
  readonly clientBufferBytes: number
}

/** An admitted client: nothing after this point can fail. */
export interface Admission {
  /** Writes what the client has missed, and all that follows. */
  begin (sink: Sink): Connection
  /** Instead of `begin`, for a client that went away meanwhile. */
  abandon (): void
}

/** Fans the events of a store out to clients: one subscription, bytes made once, joined into one write for each client. */
export class Feed {
  readonly counters: FeedCounters = { deliveries: 0, bytes: 0, withheld: 0, dropped: 0, resumed: 0 }
  readonly #store: TaskStore
  readonly #options: FeedOptions
  readonly #connections = new Set<Connection>()
  readonly #held = new Set<TaskEvent[]>()
  #unsubscribe: (() => void) | undefined
  #logs = false
  #pending: Outgoing[] = []
  #pendingBytes = 0
  /** Cancels the scheduled flush. It calls the matching clear function: `clearImmediate` corrupts its queue if given a Timeout. */
  #takeBackFlush: (() => void) | undefined
  #idleAt = 0
  #closed = false

  constructor (store: TaskStore, options: FeedOptions) {
    this.#store = store
    this.#options = options
  }

  /**
   * Prepares a client: buffers new events while the missed ones are loaded from the store.
   * @param lastEventId what the client saw last; anything that the store does not know makes it list again
   */
  async admit (filter: FeedFilter, lastEventId: string | undefined): Promise<Admission> {
    const filtering = new Filtering(filter)
    const held: TaskEvent[] = []
    this.#held.add(held)
    this.#subscribe(filtering.logs)
    try {
      const { lastEventId: current, tasks } = await this.#store.list(filtering.needsTasks ? {} : { limit: 1 })
      filtering.knows(tasks)
      const missed = lastEventId === undefined ? undefined : await this.#store.since(lastEventId)
      const replay = (missed ?? []).flatMap((event) => filtering.apply(event, true))
      const frames = replay.map((event) => eventFrame(event).withId)
      // a replay that exceeds the buffer would disconnect the client over and over; make it list again instead
      const fits = frames.reduce((bytes, frame) => bytes + frame.length, 0) <= this.#options.clientBufferBytes / 2
      const resumed = missed !== undefined && fits
      const first = resumed ? lastEventId! : current
      const last = resumed ? missed.at(-1)?.eventId ?? first : current
      return {
        begin: (sink) => {
          this.#held.delete(held)
          const opening = [openingFrame(), readyFrame(first, { at: Date.now(), resumed })]
          if (resumed) opening.push(...frames)
          if (resumed) this.counters.resumed++
          const connection = this.#connect(sink, filtering, last)
          connection.send(Buffer.concat(opening), resumed ? frames.length : 0, last)
          const later = held.filter((event) => !isUpTo(event.eventId, last))
          if (later.length > 0) connection.sendEach(later.map((event) => new Outgoing(event)), later.at(-1)!.eventId)
          return connection
        },
        abandon: () => this.#release(held)
      }
    } catch (error) {
      this.#release(held)
      throw error
    }
  }

  /** Sends what is pending; nothing comes after it. */
  close (): void {
    this.#closed = true
    this.#flushNow()
    this.#unsubscribe?.()
  }

  #connect (sink: Sink, filtering: Filtering, position: string): Connection {
    // what is pending was held for this client too
    this.#flushNow()
    const connection = new Connection(sink, {
      filtering, maxBytes: this.#options.clientBufferBytes, counters: this.counters, position
    })
    this.#connections.add(connection)
    sink.on('close', () => {
      this.#connections.delete(connection)
      this.#relax()
    })
    return connection
  }

  #release (held: TaskEvent[]): void {
    this.#held.delete(held)
    this.#relax()
  }

  /** Drops the log subscription once no client needs it. */
  #relax (): void {
    if (!this.#closed && !this.#anybody) this.#subscribe(false)
  }

  get #anybody (): boolean {
    return this.#connections.size + this.#held.size > 0
  }

  /** Widens the one subscription where the first client wants logs; without any client it wants none. */
  #subscribe (logs: boolean): void {
    const wanted = logs || (this.#logs && this.#anybody)
    if (this.#unsubscribe !== undefined && wanted === this.#logs) return
    const before = this.#unsubscribe
    this.#logs = wanted
    before?.()
    this.#unsubscribe = this.#store.subscribe((event) => this.#receive(event), { logs: wanted })
  }

  #receive (event: TaskEvent): void {
    for (const held of this.#held) held.push(event)
    this.#pending.push(new Outgoing(event))
    if (event.type === 'task.log') this.#pendingBytes += event.chunk.length
    if (this.#pendingBytes > FLUSH_BYTES) return this.#flushNow()
    // at once when idle; when busy, after a pause as long as the last flush took, up to a limit
    const wait = this.#idleAt - performance.now()
    this.#takeBackFlush ??= soon(() => this.#flushNow(), wait)
  }

  #flushNow (): void {
    this.#takeBackFlush?.()
    this.#takeBackFlush = undefined
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    this.#pendingBytes = 0
    const started = performance.now()
    const position = pending.at(-1)!.event.eventId
    const joined: Partial<Record<'all' | 'no-logs', { bytes: Buffer, count: number }>> = {}
    for (const connection of this.#connections) {
      const { kind } = connection.filtering
      if (kind === 'own' || !connection.keepsUp) {
        connection.sendEach(pending, position)
        continue
      }
      const shared = joined[kind] ??= join(pending, kind)
      if (shared.count > 0) connection.send(shared.bytes, shared.count, position)
      else connection.passed(position)
    }
    // Node hands the bytes to the sockets when this turn is over: that is most of what a flush costs
    process.nextTick(() => {
      const ended = performance.now()
      this.#idleAt = ended + Math.min(ended - started, MAX_WAIT_MS)
    })
  }
}

function join (pending: readonly Outgoing[], kind: 'all' | 'no-logs'): { bytes: Buffer, count: number } {
  const chosen = kind === 'all' ? pending : pending.filter(({ event }) => event.type !== 'task.log')
  return { bytes: Buffer.concat(chosen.map(({ frame }) => frame.withId)), count: chosen.length }
}

/** Calls after `ms`, or with the next turn of the event loop. */
function soon (call: () => void, ms: number): () => void {
  if (ms > 0) {
    const timeout = setTimeout(call, ms)
    return () => clearTimeout(timeout)
  }
  const immediate = setImmediate(call)
  return () => clearImmediate(immediate)
}
