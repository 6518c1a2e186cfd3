import type { FeedCounters } from './feed/counters.ts'
import type { Feed } from './feed/feed.ts'
import type { StreamSlots } from './sse/slots.ts'
import type { StoreHealth, TaskStore } from './store.ts'

/** Store health plus the streaming statistics of one registration of the plugin. */
export interface TasksHealth extends StoreHealth {
  /** Clients of the feed, and followers of logs. */
  readonly sseClients: number
  readonly feed: Readonly<FeedCounters>
}

export interface HealthContext {
  readonly store: TaskStore
  readonly feed: Feed
  readonly slots: StreamSlots
}

export async function health ({ store, feed, slots }: HealthContext): Promise<TasksHealth> {
  return { ...await store.health(), sseClients: slots.clients, feed: { ...feed.counters } }
}
