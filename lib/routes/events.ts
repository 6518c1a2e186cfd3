import { Type } from '@sinclair/typebox'
import type { FastifyReply } from 'fastify'
import { sendTaskEvents } from '../feed/task-events.ts'
import { TaskIdSchema } from '../task.ts'
import { action, type RouteContext, type Scope } from './context.ts'

const EventsQuery = Type.Object({
  lastEventId: Type.Optional(Type.String({ maxLength: 100 })),
  task: Type.Optional(Type.Array(TaskIdSchema, { maxItems: 1000 })),
  logs: Type.Optional(Type.Union(['0', '1', 'true', 'false'].map((value) => Type.Literal(value))))
})

export function eventRoutes (scope: Scope, { feed }: RouteContext): void {
  const route = { config: action('events'), schema: { querystring: EventsQuery }, compress: false } as const

  scope.get('/events', {
    ...route,
    exposeHeadRoute: false,
    sse: { kind: 'only', heartbeat: false }
  }, async (request, reply) => {
    const { task, logs } = request.query
    await sendTaskEvents(reply as unknown as FastifyReply, feed, {
      ...(task !== undefined && { tasks: task }),
      logs: logs !== '0' && logs !== 'false'
    })
  })

  scope.head('/events', route, async (_request, reply) => {
    return await reply.header('content-type', 'text/event-stream').header('cache-control', 'no-cache, no-transform').send()
  })
}
