import type { FastifyInstance, FastifyBaseLogger, FastifyReply, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { HealthContext } from '../health.ts'

/** What a request asks for, for an `onRequest` hook to decide by. */
export type TaskAction = 'list' | 'read' | 'create' | 'cancel' | 'delete' | 'log' | 'events' | 'health' | 'types'

declare module 'fastify' {
  interface FastifyContextConfig {
    tasks?: { action: TaskAction }
  }
}

export type Scope = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, TypeBoxTypeProvider>

/** What the routes of one view work on. */
export type RouteContext = HealthContext

/**
 * Disables @fastify/compress for responses that must be flushed immediately. Untyped: a declaration of the option would clash
 * with that package's own, in a host that has both.
 */
export const UNCOMPRESSED: object = { compress: false }

export function action (action: TaskAction): { tasks: { action: TaskAction } } {
  return { tasks: { action } }
}

/** Sends JSON text as it is; the route's schema says what it holds. */
export function sendJson<R extends Pick<FastifyReply, 'header'>> (reply: R, text: string | Buffer): R {
  return (reply as unknown as FastifyReply).header('content-type', 'application/json; charset=utf-8').send(text) as unknown as R
}
