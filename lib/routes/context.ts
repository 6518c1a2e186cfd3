import type { FastifyInstance, FastifyBaseLogger, FastifyReply, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { HealthContext } from '../health.ts'

/** The operation of a route, for access control in an `onRequest` hook: `request.routeOptions.config.tasks?.action`. */
export type TaskAction = 'list' | 'read' | 'create' | 'cancel' | 'delete' | 'log' | 'events' | 'health' | 'types'

declare module 'fastify' {
  interface FastifyContextConfig {
    tasks?: { action: TaskAction }
  }
}

/** The scope of the plugin's routes, whose handlers are typed by their TypeBox schemas. */
export type Scope = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, TypeBoxTypeProvider>

/** The objects that the routes of one registration work with. */
export type RouteContext = HealthContext

/** Options of a route that answers with Server-Sent Events. The plugin sends the pings. */
export const SSE = { sse: { kind: 'only', heartbeat: false } } as const

/**
 * Disables @fastify/compress for responses that must be flushed immediately. Untyped: a declaration of the option would
 * conflict with that package's own declaration in a host that has both.
 */
export const UNCOMPRESSED: object = { compress: false }

/** The route config that holds its action. */
export function action (action: TaskAction): { tasks: { action: TaskAction } } {
  return { tasks: { action } }
}

/** A reply without the types of its route's schema, which functions shared by several routes cannot know. */
export function untyped (reply: object): FastifyReply {
  return reply as FastifyReply
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * Sends JSON text unchanged. The text has the type that the route's schema declares. It is sent as bytes: of these, the
 * `preSerialization` hooks and the reply serializer of the host change nothing.
 * @returns the reply, for the handler to return
 */
export function sendJson<R extends object> (reply: R, text: string | Uint8Array): R {
  untyped(reply).header('content-type', JSON_TYPE).send(typeof text === 'string' ? Buffer.from(text) : asBuffer(text))
  return reply
}

/** Like `sendJson`, for the value itself. */
export function sendValue<R extends object> (reply: R, value: unknown): R {
  return sendJson(reply, JSON.stringify(value))
}

/** Adds headers that every answer has. */
export function addCommonHeaders (scope: Scope): void {
  const add = async (_request: unknown, reply: object) => { untyped(reply).header('x-content-type-options', 'nosniff') }
  // streams run no `onSend` hook, and an answer of a hook of the host no `onRequest` hook of this scope
  scope.addHook('onRequest', add)
  scope.addHook('onSend', add)
}

function asBuffer ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
