import type { FastifyReply } from 'fastify'
import { sendTaskEvents } from '../feed/task-events.ts'
import { action, UNCOMPRESSED, type RouteContext, type Scope } from './context.ts'
import { EventsQuerySchema, isTrue } from '../shared/api-schemas.ts'

export function eventRoutes (scope: Scope, context: RouteContext): void {
  const route = { config: action('events'), schema: { querystring: EventsQuerySchema }, ...UNCOMPRESSED } as const

  scope.get('/events', {
    ...route,
    exposeHeadRoute: false,
    sse: { kind: 'only', heartbeat: false }
  }, async (request, reply) => {
    const { task, logs = '1', log } = request.query
    await sendTaskEvents(reply as unknown as FastifyReply, context, {
      ...(task !== undefined && { tasks: task }),
      logs: isTrue(logs) && (log ?? true)
    })
  })

  scope.head('/events', route, async (_request, reply) => {
    return await reply.header('content-type', 'text/event-stream').header('cache-control', 'no-cache, no-transform').send()
  })
}
