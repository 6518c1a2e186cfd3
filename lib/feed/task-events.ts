import type { FastifyReply } from 'fastify'
import type { Feed } from './feed.ts'
import type { FeedFilter } from './filter.ts'
import { beginStream, endings, enter, lastEventId } from '../sse/sink.ts'
import type { StreamSlots } from '../sse/slots.ts'

export interface TaskEventsContext {
  readonly feed: Feed
  readonly streams: StreamSlots
}

/** The SSE decorator: all that can fail happens before the reply is hijacked. */
export async function sendTaskEvents (reply: FastifyReply, { feed, streams }: TaskEventsContext, filter: FeedFilter): Promise<void> {
  const slot = enter(reply, streams)
  if (slot === undefined) return
  let left = false
  reply.raw.once('close', () => { left = true })
  try {
    const admission = await feed.admit(filter, lastEventId(reply))
    if (left) {
      reply.hijack()
      return admission.abandon()
    }
    const connection = admission.begin(beginStream(reply))
    slot.open({ ping: () => connection.ping(), ...endings(reply) })
  } catch (error) {
    slot.leave()
    throw error
  }
}
