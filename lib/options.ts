import type { onRequestHookHandler } from 'fastify'
import { DirectoryStore } from './directory/directory-store.ts'
import { FST_TASKS_OPTIONS } from './errors.ts'
import type { FeedOptions } from './feed/feed.ts'
import type { StreamSlotsOptions } from './sse/slots.ts'
import type { TaskStore } from './store.ts'

export interface TasksPluginCommonOptions {
  /**
   * URL prefix of the routes.
   * @default '/api/tasks'
   */
  prefix?: string
  /**
   * Do not register the routes that create, cancel and delete.
   * @default false
   */
  readOnly?: boolean
  /**
   * Hook(s) run before every route of the plugin, for access control. The operation is available as
   * `request.routeOptions.config.tasks.action`.
   */
  onRequest?: onRequestHookHandler | onRequestHookHandler[]
  /**
   * Clients of the feed, and of logs as they grow, at a time; more are told to come back later.
   * @default 10000
   */
  maxClients?: number
  /**
   * Of these, from one address (`request.ip`: behind a proxy, Fastify's `trustProxy` makes it the client's).
   * @default as many as `maxClients`
   */
  maxClientsPerAddress?: number
  /**
   * Unsent bytes for one client past which it is cut off, to come back and resume. Log chunks are withheld from half
   * of it on.
   * @default 1048576
   */
  clientBufferBytes?: number
}

/** Exactly one of `dir` and `store`. */
export type TasksPluginOptions = TasksPluginCommonOptions & (
  /** The directory of the task files; created where it is missing. */
  | { dir: string, store?: never }
  /** A store of its own, or the one of another instance (`fastify.tasks.store`): one watcher for all its views. */
  | { store: TaskStore, dir?: never }
)

export interface ResolvedOptions {
  readonly store: TaskStore
  readonly prefix: string
  readonly readOnly: boolean
  readonly onRequest: onRequestHookHandler[]
  readonly feed: FeedOptions
  readonly streams: StreamSlotsOptions
}

/** @throws FST_TASKS_OPTIONS */
export function resolveOptions (options: TasksPluginOptions): ResolvedOptions {
  const { dir, store, prefix = '/api/tasks', readOnly = false, onRequest = [] } = options
  const { maxClients = 10_000, maxClientsPerAddress = maxClients, clientBufferBytes = 1024 * 1024 } = options
  if ((dir === undefined) === (store === undefined)) throw new FST_TASKS_OPTIONS('exactly one of dir and store is needed')
  if (dir !== undefined && (typeof dir !== 'string' || dir.trim() === '')) throw new FST_TASKS_OPTIONS('dir must be the path of a directory')
  if (store !== undefined && typeof store?.subscribe !== 'function') throw new FST_TASKS_OPTIONS('store must be a TaskStore')
  if (typeof prefix !== 'string' || !/^(\/[^?#]*)?$/.test(prefix)) throw new FST_TASKS_OPTIONS('prefix must be a path that begins with /')
  if (typeof readOnly !== 'boolean') throw new FST_TASKS_OPTIONS('readOnly must be true or false')
  const hooks = Array.isArray(onRequest) ? onRequest : [onRequest]
  if (hooks.some((hook) => typeof hook !== 'function')) throw new FST_TASKS_OPTIONS('onRequest must be a function, or an array of them')
  for (const [name, value] of Object.entries({ maxClients, maxClientsPerAddress, clientBufferBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) throw new FST_TASKS_OPTIONS(`${name} must be a positive integer`)
  }
  return {
    store: store ?? new DirectoryStore(dir!),
    prefix: prefix.replace(/\/+$/, ''),
    readOnly,
    onRequest: hooks,
    feed: { clientBufferBytes },
    streams: { maxClients, maxClientsPerAddress }
  }
}
