import { health } from '../health.ts'
import { HealthSchema } from '../shared/api-schemas.ts'
import { TaskTypesSchema } from '../shared/task-types.ts'
import { action, sendValue, type RouteContext, type Scope } from './context.ts'

/** Health and task types: GET /_meta/health, GET /_meta/types. */
export function metaRoutes (scope: Scope, context: RouteContext, { readOnly }: { readonly readOnly: boolean }): void {
  scope.get('/_meta/health', {
    config: action('health'),
    schema: { response: { 200: HealthSchema } }
  }, async (_request, reply) => {
    const { problems, ...rest } = await health(context)
    return sendValue(reply, { ...rest, readOnly, problems })
  })

  scope.get('/_meta/types', {
    config: action('types'),
    schema: { response: { 200: TaskTypesSchema } }
  }, async (_request, reply) => sendValue(reply, await context.store.types()))
}
