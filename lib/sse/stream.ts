import type { FastifyReply } from 'fastify'
import { FST_TASKS_NOT_AN_SSE_ROUTE } from '../errors.ts'
import { safeLogger } from '../util/callbacks.ts'
import { retryFrame } from './frame.ts'
import { emitCloseOnDisconnect, isDisconnected, sinkOf, type Sink } from './sink.ts'
import type { Slot, StreamSlots } from './slots.ts'

/** A delay before a client reconnects: random within these limits, so that clients do not reconnect all together. */
interface RetryDelay {
  readonly minMs: number
  readonly maxMs: number
}

const RETRY: RetryDelay = { minMs: 1000, maxMs: 3000 }
const RETRY_IF_FULL: RetryDelay = { minMs: 10_000, maxMs: 30_000 }

/**
 * Acquires a slot for the client of an SSE route; it is released when the connection closes. If no slot is available, the client gets a
 * 200 with a long `retry`, because EventSource does not reconnect after a 503.
 * @returns undefined if the response has ended
 * @throws FST_TASKS_NOT_AN_SSE_ROUTE
 */
export function acquireSlot (reply: FastifyReply, slots: StreamSlots): Slot | undefined {
  if (reply.sse == null) throw new FST_TASKS_NOT_AN_SSE_ROUTE()
  if (isDisconnected(reply)) {
    reply.hijack()
    return undefined
  }
  reply.header('cache-control', 'no-cache, no-transform')
  const slot = slots.acquire(reply.request.ip)
  if (slot === undefined) {
    hijack(reply).write(delayFrame(RETRY_IF_FULL))
    reply.raw.end()
    return undefined
  }
  emitCloseOnDisconnect(reply)
  reply.raw.once('close', () => slot.release())
  return slot
}

/** Hijacks the reply. Node.js sends the headers together with the first bytes that are written. */
export function startStream (reply: FastifyReply): Sink {
  const sink = hijack(reply)
  // a client that disconnects is not an error; `close` follows
  sink.on('error', () => {})
  const started = performance.now()
  // Fastify's `onResponse` does not run for a client that disconnects
  const log = safeLogger(reply.log, ['info'])
  reply.raw.on('close', () => log.info({ ms: Math.round(performance.now() - started) }, 'fastify-tasks: stream closed'))
  return sink
}

/** The first frame of every stream: the delay before the client reconnects. */
export function openingFrame (): Buffer {
  return delayFrame(RETRY)
}

/** The id of the last event that the client received: the header of a reconnecting EventSource, else the query's `lastEventId`. */
export function lastEventId ({ request }: FastifyReply): string | undefined {
  const header = request.headers['last-event-id']
  if (typeof header === 'string' && header !== '') return header
  const value = (request.query as Record<string, unknown> | undefined)?.lastEventId
  return typeof value === 'string' && value !== '' ? value : undefined
}

function hijack (reply: FastifyReply): Sink {
  reply.hijack()
  reply.sse.keepAlive()
  reply.sse.sendHeaders(200)
  return sinkOf(reply)
}

function delayFrame ({ minMs, maxMs }: RetryDelay): Buffer {
  return retryFrame(minMs + Math.floor(Math.random() * (maxMs - minMs)))
}
