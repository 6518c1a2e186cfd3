import type { FeedCounters } from './feed/connection.ts'
import type { Feed } from './feed/feed.ts'
import type { StreamSlots } from './sse/slots.ts'
import type { StoreHealth, TaskStore } from './store.ts'

/** Store health plus the streaming statistics of one view. */
export interface TasksHealth extends StoreHealth {
  /** Clients of the feed, and of logs as they grow. */
  readonly sseClients: number
  readonly feed: Readonly<FeedCounters>
}

export interface HealthContext {
  readonly store: TaskStore
  readonly feed: Feed
  readonly streams: StreamSlots
}

export async function health ({ store, feed, streams }: HealthContext): Promise<TasksHealth> {
  return { ...await store.health(), sseClients: streams.clients, feed: { ...feed.counters } }
}
