import type { FastifyReply } from 'fastify'
import { emitCloseOnDisconnect, isDisconnected } from '../../sse/sink.ts'

/** A signal that aborts when the response is closed, or if the client has already disconnected. */
export function closeSignal (reply: FastifyReply): AbortSignal {
  const closed = new AbortController()
  if (isDisconnected(reply)) closed.abort()
  emitCloseOnDisconnect(reply)
  reply.raw.once('close', () => closed.abort())
  return closed.signal
}
