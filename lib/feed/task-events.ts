import type { FastifyReply } from 'fastify'
import type { Feed } from './feed.ts'
import type { FeedFilter } from './filter.ts'
import { beginStream, endings, enter, lastEventId } from './sse.ts'
import type { Streams } from './streams.ts'

export interface TaskEventsContext {
  readonly feed: Feed
  readonly streams: Streams
}

/** The SSE decorator: all that can fail happens before the reply is hijacked. */
export async function sendTaskEvents (reply: FastifyReply, { feed, streams }: TaskEventsContext, filter: FeedFilter): Promise<void> {
  const place = enter(reply, streams)
  if (place === undefined) return
  let left = false
  reply.raw.once('close', () => { left = true })
  try {
    const admission = await feed.admit(filter, lastEventId(reply))
    if (left) {
      reply.hijack()
      return admission.abandon()
    }
    const connection = admission.begin(beginStream(reply))
    place.open({ ping: () => connection.ping(), ...endings(reply) })
  } catch (error) {
    place.leave()
    throw error
  }
}
