import { Type } from '@sinclair/typebox'
import { action, type RouteContext, type Scope } from './context.ts'

const HealthSchema = Type.Object({
  processorAlive: Type.Boolean(),
  problems: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), count: Type.Optional(Type.Integer()) })),
  sseClients: Type.Integer()
}, { additionalProperties: true })

export function metaRoutes (scope: Scope, { store, feed }: RouteContext): void {
  scope.get('/_meta/health', {
    config: action('health'),
    schema: { response: { 200: HealthSchema } }
  }, async () => {
    const health = await store.health()
    return { ...health, problems: [...health.problems], sseClients: feed.clients, feed: { ...feed.counters } }
  })
}
