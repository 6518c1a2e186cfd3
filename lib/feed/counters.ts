/** Totals of all connections of a feed since it started. The names are part of the HTTP API. */
export interface FeedCounters {
  /** Events sent; one that is sent to two clients counts twice. */
  deliveries: number
  /** Bytes of these events. */
  bytes: number
  /** Log chunks skipped for slow clients. */
  withheld: number
  /** Clients disconnected because they exceeded `clientBufferBytes`. */
  dropped: number
  /** Clients that reconnected and received the events they had missed. */
  resumed: number
  /** Calls of a `where` filter that threw or returned a promise. */
  filterErrors: number
}

export function createCounters (): FeedCounters {
  return { deliveries: 0, bytes: 0, withheld: 0, dropped: 0, resumed: 0, filterErrors: 0 }
}
