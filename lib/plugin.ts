import type { FastifyInstance, FastifyReply } from 'fastify'
import { fastifySSE } from '@fastify/sse'
import fp from 'fastify-plugin'
import { FST_TASKS_ALREADY_REGISTERED } from './errors.ts'
import { Feed } from './feed/feed.ts'
import type { FeedFilter } from './feed/filter.ts'
import { sendTaskEvents } from './feed/task-events.ts'
import { openStore } from './open-stores.ts'
import { resolveOptions, type ResolvedOptions, type TasksPluginOptions } from './options.ts'
import { useOwnCompilers } from './routes/compilers.ts'
import { addCommonHeaders, type RouteContext, type Scope } from './routes/context.ts'
import { eventRoutes } from './routes/events.ts'
import { logRoutes } from './routes/log/log-routes.ts'
import { metaRoutes } from './routes/meta.ts'
import { readingRoutes, writingRoutes } from './routes/tasks.ts'
import { StreamSlots } from './sse/slots.ts'
import { Tasks } from './tasks.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The tasks of the plugin's first registration in this scope. */
    tasks: Tasks
  }
  interface FastifyReply {
    /**
     * Answers with the feed, narrowed by a filter. The route must declare `sse: { kind: 'only', heartbeat: false }`. The
     * stream resumes after the event of the `Last-Event-ID` header, or of the query parameter `lastEventId`.
     * @throws FST_TASKS_NOT_AN_SSE_ROUTE
     */
    taskEvents (filter?: FeedFilter): Promise<void>
  }
}

async function tasksPlugin (fastify: FastifyInstance, raw: TasksPluginOptions): Promise<void> {
  const options = resolveOptions(raw)
  const { store } = options
  // a second registration in one scope shares the decorators of the first
  const isDecorated = Object.hasOwn(fastify, 'tasks')
  if (isDecorated && fastify.tasks.store !== store) throw new FST_TASKS_ALREADY_REGISTERED()

  const closeStore = await openStore(store, fastify.log)
  fastify.addHook('onClose', async () => { await closeStore() })
  const context: RouteContext = { store, feed: new Feed(store, options.feed), slots: new StreamSlots(options.slots) }
  if (!isDecorated) decorate(fastify, context)
  await fastify.register(async (scope) => { addRoutes(scope as unknown as Scope, options, context) }, { prefix: options.prefix })
}

function decorate (fastify: FastifyInstance, context: RouteContext): void {
  const tasks = new Tasks(context)
  tasks.start()
  // responses that follow a log would keep the server from closing
  fastify.addHook('preClose', async () => { tasks.stop() })
  fastify.decorate('tasks', tasks)
  fastify.decorateReply('taskEvents', async function (this: FastifyReply, filter: FeedFilter = {}) {
    await sendTaskEvents(this, context, filter)
  })
}

function addRoutes (scope: Scope, { readOnly, onRequest }: ResolvedOptions, context: RouteContext): void {
  useOwnCompilers(scope)
  addCommonHeaders(scope)
  // in the host's scope this would conflict with the options of a later registration by the host
  if (!scope.hasPlugin('@fastify/sse')) scope.register(fastifySSE)
  for (const hook of onRequest) scope.addHook('onRequest', hook)
  // `onClose` would be too late: by then the server is already waiting for open streams
  scope.addHook('preClose', async () => {
    context.feed.close()
    await context.slots.close()
  })
  scope.after(() => {
    readingRoutes(scope, context)
    logRoutes(scope, context)
    eventRoutes(scope, context)
    metaRoutes(scope, context, { readOnly })
    if (!readOnly) writingRoutes(scope, context)
  })
}

export const plugin = fp(tasksPlugin, { name: 'fastify-tasks', fastify: '5.x' })
