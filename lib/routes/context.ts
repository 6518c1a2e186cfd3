import type { FastifyInstance, FastifyBaseLogger, FastifyReply, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { HealthContext } from '../health.ts'

/** What a request asks for, for an `onRequest` hook to decide by. */
export type TaskAction = 'list' | 'read' | 'create' | 'cancel' | 'delete' | 'log' | 'events' | 'health'

declare module 'fastify' {
  interface FastifyContextConfig {
    tasks?: { action: TaskAction }
  }
  interface RouteShorthandOptions {
    /** Of @fastify/compress: bytes that must leave at once are not held back. */
    compress?: false
  }
}

export type Scope = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, TypeBoxTypeProvider>

/** What the routes of one view work on. */
export type RouteContext = HealthContext

export function action (action: TaskAction): { tasks: { action: TaskAction } } {
  return { tasks: { action } }
}

/** Sends JSON text as it is; the route's schema says what it holds. */
export function sendJson<R extends Pick<FastifyReply, 'header'>> (reply: R, text: string | Buffer): R {
  return (reply as unknown as FastifyReply).header('content-type', 'application/json; charset=utf-8').send(text) as unknown as R
}
