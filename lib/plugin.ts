import type { FastifyInstance, FastifyReply } from 'fastify'
import { fastifySSE } from '@fastify/sse'
import fp from 'fastify-plugin'
import { checkFilter } from './call-options.ts'
import { FST_TASKS_ALREADY_REGISTERED, FST_TASKS_DECORATOR } from './errors.ts'
import { Feed } from './feed/feed.ts'
import type { FeedFilter } from './feed/filter.ts'
import { sendTaskEvents } from './feed/task-events.ts'
import { openStore } from './open-stores.ts'
import { resolveOptions, type ResolvedOptions, type TasksPluginOptions } from './options.ts'
import { useOwnCompilers } from './routes/compilers.ts'
import { addCommonHeaders, type RouteContext, type Scope } from './routes/context.ts'
import { eventRoutes } from './routes/events.ts'
import { guardedHook } from './routes/guarded-hook.ts'
import { logRoutes } from './routes/log/log-routes.ts'
import { metaRoutes } from './routes/meta.ts'
import { readingRoutes, writingRoutes } from './routes/tasks.ts'
import { StreamSlots } from './sse/slots.ts'
import type { StoreLogger } from './store.ts'
import { Tasks } from './tasks.ts'
import { safeLogger } from './util/callbacks.ts'
import { errorCode } from './util/error-code.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The tasks of the plugin's first registration in this scope. */
    tasks: Tasks
  }
  interface FastifyReply {
    /**
     * Answers with the feed, narrowed by a filter. The route must declare `sse: { kind: 'only', heartbeat: false }`. The
     * stream resumes after the event of the `Last-Event-ID` header, or of the query parameter `lastEventId`.
     * @throws FST_TASKS_FILTER if the filter is invalid
     * @throws FST_TASKS_NOT_AN_SSE_ROUTE
     */
    taskEvents (filter?: FeedFilter): Promise<void>
  }
}

async function tasksPlugin (fastify: FastifyInstance, raw: TasksPluginOptions): Promise<void> {
  const options = resolveOptions(raw)
  const { store } = options
  const shared = sharedTasks(fastify)
  if (shared !== undefined && shared.store !== store) throw new FST_TASKS_ALREADY_REGISTERED()

  const log = safeLogger(fastify.log, ['debug', 'info', 'warn', 'error'])
  const closeStore = await openStore(store, log)
  const context: RouteContext = { store, feed: new Feed(store, options.feed, log), slots: new StreamSlots(options.slots) }
  try {
    // awaited, so that each error rejects the registration
    await fastify.register(async (scope) => { await addRoutes(scope as unknown as Scope, options, context) }, options.scope)
    if (shared === undefined) decorate(fastify, context, log)
  } catch (error) {
    await closeStore().catch((cause: unknown) => log.warn({ err: cause }, 'fastify-tasks: the store cannot be closed'))
    throw error
  }
  fastify.addHook('onClose', async () => { await closeStore() })
}

/**
 * The decorator of an earlier registration in this scope: a second one shares it.
 * @throws FST_TASKS_DECORATOR if the host has a decorator of its own with one of the plugin's names
 */
function sharedTasks (fastify: FastifyInstance): Tasks | undefined {
  const own = Object.getOwnPropertyDescriptor(fastify, 'tasks')
  if (own?.value instanceof Tasks) return own.value
  if (own !== undefined) throw new FST_TASKS_DECORATOR('app.tasks')
  return undefined
}

function decorate (fastify: FastifyInstance, context: RouteContext, log: StoreLogger): void {
  const tasks = new Tasks(context, log)
  // responses that follow a log would keep the server from closing
  fastify.addHook('preClose', async () => { tasks.stop() })
  tasks.start()
  try {
    fastify.decorateReply('taskEvents', async function (this: FastifyReply, filter: FeedFilter = {}) {
      checkFilter(filter)
      await sendTaskEvents(this, context, filter)
    })
  } catch (error) {
    tasks.stop()
    throw errorCode(error) === 'FST_ERR_DEC_ALREADY_PRESENT' ? new FST_TASKS_DECORATOR('reply.taskEvents') : error
  }
  fastify.decorate('tasks', tasks)
}

async function addRoutes (scope: Scope, { readOnly, onRequest }: ResolvedOptions, context: RouteContext): Promise<void> {
  useOwnCompilers(scope)
  addCommonHeaders(scope)
  // in the host's scope this would conflict with the options of a later registration by the host
  if (!scope.hasPlugin('@fastify/sse')) await scope.register(fastifySSE)
  for (const hook of onRequest) scope.addHook('onRequest', guardedHook(hook))
  // `onClose` would be too late: by then the server is already waiting for open streams
  scope.addHook('preClose', async () => {
    context.feed.close()
    await context.slots.close()
  })
  readingRoutes(scope, context)
  logRoutes(scope, context)
  eventRoutes(scope, context)
  metaRoutes(scope, context, { readOnly })
  if (!readOnly) writingRoutes(scope, context)
}

export const plugin = fp(tasksPlugin, { name: 'fastify-tasks', fastify: '5.x' })
