import { inspect } from 'node:util'
import type { onRequestHookHandler, RegisterOptions } from 'fastify'
import { DirectoryStore } from './directory/directory-store.ts'
import { FST_TASKS_OPTIONS } from './errors.ts'
import type { FeedOptions } from './feed/feed.ts'
import type { StreamSlotsOptions } from './sse/slots.ts'
import type { TaskStore } from './store.ts'
import { defined } from './util/defined.ts'
import { unknownName } from './util/names.ts'

export interface TasksPluginCommonOptions {
  /**
   * URL prefix of the routes.
   * @default '/api/tasks'
   */
  prefix?: string
  /**
   * Do not register the routes that create, cancel and delete tasks.
   * @default false
   */
  readOnly?: boolean
  /**
   * Hook(s) run before every route of the plugin, for access control. The operation is available as
   * `request.routeOptions.config.tasks.action`.
   */
  onRequest?: onRequestHookHandler | onRequestHookHandler[]
  /**
   * Maximum number of streaming clients: clients of the feed and followers of logs. Further clients are asked to try again
   * later.
   * @default 10000
   */
  maxClients?: number
  /**
   * Maximum number of streaming clients with the same address, which is `request.ip`. Behind a proxy, set Fastify's
   * `trustProxy`.
   * @default the value of `maxClients`
   */
  maxClientsPerAddress?: number
  /**
   * Unsent bytes above which a client of the feed is disconnected; it reconnects and resumes. Above half of it, log chunks
   * are skipped.
   * @default 1048576
   */
  clientBufferBytes?: number
}

/** Exactly one of `dir` and `store` is required. */
export type TasksPluginOptions = TasksPluginCommonOptions & (
  /** The directory of the task files. It is created if it does not exist. */
  | { dir: string, store?: never }
  /** A custom store, or the store of another registration (`fastify.tasks.store`), which then also shares its watcher. */
  | { store: TaskStore, dir?: never }
)

export interface ResolvedOptions {
  readonly store: TaskStore
  /** Fastify's own options, for the scope of the routes. The prefix has no trailing slash. */
  readonly scope: RegisterOptions
  readonly readOnly: boolean
  readonly onRequest: readonly onRequestHookHandler[]
  readonly feed: FeedOptions
  readonly slots: StreamSlotsOptions
}

const NAMES = [
  'dir', 'store', 'prefix', 'readOnly', 'onRequest', 'maxClients', 'maxClientsPerAddress', 'clientBufferBytes',
  // of Fastify's `register`
  'logLevel', 'logSerializers'
]

/**
 * Checks the options and applies the defaults.
 * @throws FST_TASKS_OPTIONS
 */
export function resolveOptions (options: TasksPluginOptions & RegisterOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  const unknown = unknownName(options, NAMES)
  if (unknown !== undefined) throw new FST_TASKS_OPTIONS(unknown)
  const { prefix = '/api/tasks', readOnly = false, onRequest = [], logLevel, logSerializers } = options
  const { maxClients = 10_000, maxClientsPerAddress = maxClients, clientBufferBytes = 1024 * 1024 } = options
  if (typeof prefix !== 'string' || !/^(\/[^?#]*)?$/.test(prefix)) throw invalid('prefix', 'a path that starts with /', prefix)
  if (typeof readOnly !== 'boolean') throw invalid('readOnly', 'a boolean', readOnly)
  const hooks = Array.isArray(onRequest) ? onRequest : [onRequest]
  if (hooks.some((hook) => typeof hook !== 'function')) throw invalid('onRequest', 'a function or an array of functions', onRequest)
  // Fastify would not report it: each hook is wrapped
  if (hooks.some((hook) => hook.constructor.name === 'AsyncFunction' && hook.length > 2)) throw new FST_TASKS_OPTIONS('onRequest must not have a third parameter (done) if it is async.')
  for (const [name, value] of Object.entries({ maxClients, maxClientsPerAddress, clientBufferBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(name, 'a positive integer', value)
  }
  return {
    store: resolveStore(options),
    scope: { prefix: prefix.replace(/\/+$/, ''), ...defined({ logLevel, logSerializers }) },
    readOnly,
    onRequest: hooks,
    feed: { clientBufferBytes },
    slots: { maxClients, maxClientsPerAddress }
  }
}

function resolveStore ({ dir, store }: TasksPluginOptions): TaskStore {
  if (store === undefined) {
    if (dir === undefined) throw new FST_TASKS_OPTIONS(`Neither dir nor store is set. ${HINT}`)
    if (typeof dir !== 'string' || dir.trim() === '') throw invalid('dir', 'the path of a directory', dir)
    return new DirectoryStore(dir)
  }
  if (dir !== undefined) throw new FST_TASKS_OPTIONS(`Both dir and store are set. ${HINT}`)
  if (typeof store?.subscribe !== 'function') throw invalid('store', 'a TaskStore', store)
  return store
}

const HINT = 'Register the plugin with { dir: "/path/of/the/tasks" }, or with { store }.'

function invalid (name: string, expected: string, value: unknown): Error {
  return new FST_TASKS_OPTIONS(`${name} must be ${expected}, not ${inspect(value, { depth: 0 })}.`)
}
