import type { FastifyInstance, FastifyBaseLogger, FastifyReply, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Feed } from '../feed/feed.ts'
import type { TaskStore } from '../store.ts'
import { TaskIdSchema } from '../task.ts'

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

export interface RouteContext {
  readonly store: TaskStore
  readonly feed: Feed
}

export function action (action: TaskAction): { tasks: { action: TaskAction } } {
  return { tasks: { action } }
}

export const IdParams = Type.Object({ id: TaskIdSchema })

/** A byte offset: digits alone, since `Number` takes much else. */
export const PositionSchema = Type.String({ pattern: '^\\d{1,15}$', description: 'a byte offset' })

export const ErrorSchema = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String(),
  error: Type.String(),
  message: Type.String()
})

/** Sends JSON text as it is; the route's schema says what it holds. */
export function sendJson<R extends Pick<FastifyReply, 'header'>> (reply: R, text: string | Buffer): R {
  return (reply as unknown as FastifyReply).header('content-type', 'application/json; charset=utf-8').send(text) as unknown as R
}
