import { IdParamsSchema, LogEventsQuerySchema } from '../../shared/api-schemas.ts'
import { isActive } from '../../shared/task-status.ts'
import { lastEventId } from '../../sse/stream.ts'
import { action, SSE, UNCOMPRESSED, untyped, type RouteContext, type Scope } from '../context.ts'
import { existingTask } from '../existing-task.ts'
import { sendStreamHead } from '../stream-head.ts'
import { describeLog } from './describe-log.ts'
import { sendLogEvents } from './send-log-events.ts'

/** A log as Server-Sent Events: GET, HEAD /:id/log/events. */
export function logEventRoutes (scope: Scope, context: RouteContext): void {
  const { store } = context

  scope.get('/:id/log/events', {
    config: action('log'),
    schema: { params: IdParamsSchema, querystring: LogEventsQuerySchema },
    ...UNCOMPRESSED,
    ...SSE,
    exposeHeadRoute: false
  }, async ({ params: { id }, query }, typedReply) => {
    const reply = untyped(typedReply)
    const { status } = await existingTask(store, id)
    const { position, hasEnd } = parsePosition(lastEventId(reply) ?? query.position ?? '0')
    // the client has received `end`, and the log has not grown since
    if (hasEnd && !isActive(status) && position === ((await describeLog(store, id))?.size ?? 0)) return await reply.code(204).send()
    sendLogEvents(reply, context, { taskId: id, position })
  })

  scope.head('/:id/log/events', { config: action('log'), schema: { params: IdParamsSchema } }, async ({ params: { id } }, reply) => {
    await existingTask(store, id)
    return await sendStreamHead(reply)
  })
}

/** Parses the id of a log's event: `N`, or `N-end` for the event `end`. @returns no position for any other text */
function parsePosition (text: string): { position: number | undefined, hasEnd: boolean } {
  const [, offset, end] = /^(\d{1,15})(-end)?$/.exec(text) ?? []
  return { position: offset === undefined ? undefined : Number(offset), hasEnd: end !== undefined }
}
