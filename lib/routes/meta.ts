import { health, type TasksHealth } from '../health.ts'
import { HealthQuerySchema, HealthSchema, isTrue } from '../shared/api-schemas.ts'
import { TaskTypesSchema } from '../shared/task-types.ts'
import { action, sendValue, type RouteContext, type Scope } from './context.ts'

/** Health and task types: GET /_meta/health, GET /_meta/types. */
export function metaRoutes (scope: Scope, context: RouteContext, { readOnly }: { readonly readOnly: boolean }): void {
  scope.get('/_meta/health', {
    config: action('health'),
    schema: { querystring: HealthQuerySchema, response: { 200: HealthSchema, 503: HealthSchema } }
  }, async ({ query }, reply) => {
    const report = await health(context)
    const isUnfit = isTrue(query.strict) && report.problems.some(({ serious }) => serious === true)
    return sendValue(reply.code(isUnfit ? 503 : 200), { ...readOnly ? publicPart(report) : report, readOnly })
  })

  scope.get('/_meta/types', {
    config: action('types'),
    schema: { response: { 200: TaskTypesSchema } }
  }, async (_request, reply) => sendValue(reply, await context.store.types()))
}

/** Without the details of the store, such as paths, which are for its operators. */
function publicPart (report: TasksHealth): Record<string, unknown> {
  return Object.fromEntries(Object.entries(report).filter(([name]) => name in HealthSchema.properties))
}
