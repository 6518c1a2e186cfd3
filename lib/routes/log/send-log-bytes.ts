import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import { FST_TASKS_TOO_MANY_CLIENTS } from '../../errors.ts'
import { followLogBytes } from '../../log/follower.ts'
import { closersOf, emitCloseOnDisconnect, isDisconnected } from '../../sse/sink.ts'
import { safeLogger } from '../../util/callbacks.ts'
import type { RouteContext } from '../context.ts'

export interface LogBytesRequest {
  readonly taskId: string
  /** Byte offset to start at. */
  readonly position: number
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Sends the bytes of a log as they are written, until its task finishes: `tail -f` for clients without Server-Sent Events.
 * @throws FST_TASKS_TOO_MANY_CLIENTS
 */
export function sendLogBytes (reply: FastifyReply, { store, slots }: RouteContext, { taskId, position, headers }: LogBytesRequest): void {
  if (isDisconnected(reply)) {
    reply.hijack()
    return
  }
  const slot = slots.acquire(reply.request.ip)
  if (slot === undefined) throw new FST_TASKS_TOO_MANY_CLIENTS()
  const { raw } = reply
  const closed = new AbortController()
  emitCloseOnDisconnect(reply)
  raw.once('close', () => {
    closed.abort()
    slot.release()
  })
  reply.hijack()
  raw.writeHead(200, { ...reply.getHeaders() as Record<string, string>, ...headers })
  raw.flushHeaders()
  // destroyed rather than ended when the server closes: a complete response would mean that the task has finished
  const { destroy } = closersOf(reply)
  slot.attach({ ping: () => {}, end: destroy, destroy })
  pipeline(followLogBytes(store, taskId, { position, signal: closed.signal }), raw).catch((error) => {
    if (!closed.signal.aborted) safeLogger(reply.log, ['error']).error({ err: error, taskId }, 'fastify-tasks: following a log failed')
  })
}
