import { sendTaskEvents } from '../feed/task-events.ts'
import { EventsQuerySchema, isTrue } from '../shared/api-schemas.ts'
import { action, SSE, UNCOMPRESSED, untyped, type RouteContext, type Scope } from './context.ts'
import { sendStreamHead } from './stream-head.ts'

/** The feed: GET, HEAD /events. */
export function eventRoutes (scope: Scope, context: RouteContext): void {
  const route = { config: action('events'), schema: { querystring: EventsQuerySchema }, ...UNCOMPRESSED } as const

  scope.get('/events', { ...route, ...SSE, exposeHeadRoute: false }, async ({ query }, reply) => {
    const { task, logs = '1', log } = query
    await sendTaskEvents(untyped(reply), context, {
      ...(task !== undefined && { tasks: task }),
      logs: isTrue(logs) && (log ?? true)
    })
  })

  scope.head('/events', route, async (_request, reply) => await sendStreamHead(reply))
}
