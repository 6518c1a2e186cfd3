import type { FastifyReply } from 'fastify'
import { closersOf } from '../sse/sink.ts'
import type { StreamSlots } from '../sse/slots.ts'
import { acquireSlot, lastEventId, startStream } from '../sse/stream.ts'
import type { Feed } from './feed.ts'
import type { FeedFilter } from './filter.ts'

export interface TaskEventsContext {
  readonly feed: Feed
  readonly slots: StreamSlots
}

/** Answers with the feed. Everything that can fail happens before the reply is hijacked, so that Fastify sends the error. */
export async function sendTaskEvents (reply: FastifyReply, { feed, slots }: TaskEventsContext, filter: FeedFilter): Promise<void> {
  const slot = acquireSlot(reply, slots)
  if (slot === undefined) return
  let isClosed = false
  reply.raw.once('close', () => { isClosed = true })
  try {
    const admission = await feed.admit(filter, lastEventId(reply))
    if (isClosed) {
      reply.hijack()
      return admission.cancel()
    }
    const connection = admission.start(startStream(reply))
    slot.attach({ ping: () => connection.ping(), ...closersOf(reply) })
  } catch (error) {
    slot.release()
    throw error
  }
}
