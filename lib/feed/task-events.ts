import type { FastifyReply } from 'fastify'
import { FST_TASKS_NOT_AN_SSE_ROUTE } from '../errors.ts'
import type { Sink } from './connection.ts'
import type { Feed } from './feed.ts'
import type { FeedFilter } from './filter.ts'

/** The SSE decorator: all that can fail happens before the reply is hijacked. */
export async function sendTaskEvents (reply: FastifyReply, feed: Feed, filter: FeedFilter): Promise<void> {
  if (reply.sse == null) throw new FST_TASKS_NOT_AN_SSE_ROUTE()
  reply.header('cache-control', 'no-cache, no-transform')
  if (feed.full) {
    stream(reply).write(feed.busyFrame)
    reply.raw.end()
    return
  }
  let left = false
  reply.raw.once('close', () => { left = true })
  const admission = await feed.admit(filter, lastEventId(reply))
  if (left) {
    reply.hijack()
    return admission.abandon()
  }
  const started = performance.now()
  // Fastify's own `onResponse` never runs for a client that leaves
  reply.raw.on('close', () => reply.log.info({ ms: Math.round(performance.now() - started) }, 'fastify-tasks: a client left the feed'))
  admission.begin(stream(reply))
}

function lastEventId ({ request }: FastifyReply): string | undefined {
  const header = request.headers['last-event-id']
  if (typeof header === 'string' && header !== '') return header
  const query = (request.query as Record<string, unknown> | undefined)?.lastEventId
  return typeof query === 'string' && query !== '' ? query : undefined
}

/** Takes the reply over, and sends its head; headers alone stay in the buffer until something is written. */
function stream (reply: FastifyReply): Sink {
  reply.hijack()
  reply.sse.keepAlive()
  reply.sse.sendHeaders(200)
  const { raw } = reply
  // an HTTP/2 session outlives its streams, and would hold a closing server
  const http2 = 'stream' in raw ? raw.stream as { destroyed: boolean, session?: { close (): void } } : undefined
  if (http2 === undefined) return raw
  return {
    get writableLength () { return raw.writableLength },
    get destroyed () { return http2.destroyed },
    write: (bytes) => raw.write(bytes),
    end: () => {
      raw.end()
      http2.session?.close()
    },
    destroy: () => raw.destroy(),
    on: (event, listener) => raw.on(event, listener)
  }
}
