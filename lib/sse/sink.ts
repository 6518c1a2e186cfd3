import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { FST_TASKS_NOT_AN_SSE_ROUTE } from '../errors.ts'
import { retryFrame } from './frame.ts'
import type { OpenStream, Slot, StreamSlots } from './slots.ts'

/** Reconnect after 1 to 3 s, with jitter to avoid a thundering herd after a restart. */
const RETRY_MS = { least: 1000, spread: 2000 }
/** Where there are too many, later. */
const BUSY_RETRY_MS = { least: 10_000, spread: 20_000 }

/** What a stream is written to: Node's HTTP/1 response fits. */
export interface Sink {
  readonly writableLength: number
  readonly destroyed: boolean
  write (bytes: Buffer): boolean
  end (): unknown
  destroy (): unknown
  on (event: 'drain' | 'close' | 'error', listener: () => void): unknown
}

/**
 * Reserves a slot for an SSE client until its connection closes. When full, it responds 200 with a long `retry`,
 * because EventSource does not reconnect after a 503.
 * @throws FST_TASKS_NOT_AN_SSE_ROUTE
 */
export function enter (reply: FastifyReply, streams: StreamSlots): Slot | undefined {
  if (reply.sse == null) throw new FST_TASKS_NOT_AN_SSE_ROUTE()
  if (isGone(reply)) {
    reply.hijack()
    return undefined
  }
  reply.header('cache-control', 'no-cache, no-transform')
  const slot = streams.enter(reply.request.ip)
  if (slot === undefined) {
    takeOver(reply).write(retryFrame(jittered(BUSY_RETRY_MS)))
    reply.raw.end()
    return undefined
  }
  reply.raw.once('close', () => slot.leave())
  return slot
}

/** Takes the reply over; its head leaves with the first bytes that are written. */
export function beginStream (reply: FastifyReply): Sink {
  const sink = takeOver(reply)
  // a client that goes away is no error; `close` follows
  sink.on('error', () => {})
  const started = performance.now()
  // Fastify's own `onResponse` never runs for a client that leaves
  reply.raw.on('close', () => reply.log.info({ ms: Math.round(performance.now() - started) }, 'fastify-tasks: a stream ended'))
  return sink
}

/** The client disconnected before the handler ran, so `close` will not fire again. */
export function isGone ({ raw }: FastifyReply): boolean {
  return (http2StreamOf(raw) ?? raw).destroyed
}

/** What a stream begins with: when to come back after it broke off. */
export function openingFrame (): Buffer {
  return retryFrame(jittered(RETRY_MS))
}

/** What the client saw last: the header of an EventSource that comes back, else the query's `lastEventId`. */
export function lastEventId ({ request }: FastifyReply): string | undefined {
  const header = request.headers['last-event-id']
  if (typeof header === 'string' && header !== '') return header
  const query = (request.query as Record<string, unknown> | undefined)?.lastEventId
  return typeof query === 'string' && query !== '' ? query : undefined
}

function takeOver (reply: FastifyReply): Sink {
  reply.hijack()
  reply.sse.keepAlive()
  reply.sse.sendHeaders(200)
  return sinkOf(reply)
}

function sinkOf ({ raw }: FastifyReply): Sink {
  const http2 = http2StreamOf(raw)
  if (http2 === undefined) return raw
  return {
    get writableLength () { return raw.writableLength },
    get destroyed () { return http2.destroyed },
    write: (bytes) => raw.write(bytes),
    end: () => raw.end(),
    destroy: () => raw.destroy(),
    on: (event, listener) => raw.on(event, listener)
  }
}

/** How a response that was taken over ends with its server. */
export function endings ({ raw, request }: FastifyReply): Pick<OpenStream, 'end' | 'destroy'> {
  const http2 = http2StreamOf(raw)
  // the session outlives its streams and would keep the server open; keep a reference, as destroyed streams drop theirs
  const session = http2?.session
  return {
    end: () => {
      raw.end()
      session?.close()
    },
    destroy: () => {
      // so that the client can tell it from the end: by an error code over HTTP/2, by a reset over HTTP/1.0 (nginx's default)
      http2?.close(constants.NGHTTP2_INTERNAL_ERROR)
      if (request.raw.httpVersion === '1.0') reset(raw.socket)
      raw.destroy()
      session?.close()
    }
  }
}

function http2StreamOf (raw: FastifyReply['raw']): ServerHttp2Stream | undefined {
  return 'stream' in raw ? raw.stream as ServerHttp2Stream : undefined
}

function reset (socket: Socket | null): void {
  try {
    socket?.resetAndDestroy()
  } catch {
    // TLS and Unix sockets have none
  }
}

function jittered ({ least, spread }: { least: number, spread: number }): number {
  return least + Math.floor(Math.random() * spread)
}
