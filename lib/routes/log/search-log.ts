import { searchLog } from '../../log/search.ts'
import { ErrorResponseSchema, IdParamsSchema, SearchQuerySchema, SearchResultSchema } from '../../shared/api-schemas.ts'
import { action, sendValue, untyped, type RouteContext, type Scope } from '../context.ts'
import { existingTask } from '../existing-task.ts'
import { closeSignal } from './close-signal.ts'

/** GET /:id/log/search */
export function searchLogRoute (scope: Scope, { store }: RouteContext): void {
  scope.get('/:id/log/search', {
    config: action('log'),
    schema: { params: IdParamsSchema, querystring: SearchQuerySchema, response: { 200: SearchResultSchema, '4xx': ErrorResponseSchema } }
  }, async ({ params: { id }, query: { q, limit, before } }, reply) => {
    await existingTask(store, id)
    return sendValue(reply, await searchLog(store, id, q, {
      limit: limit === undefined ? undefined : Number(limit),
      before: before === undefined ? undefined : Number(before),
      signal: closeSignal(untyped(reply))
    }))
  })
}
