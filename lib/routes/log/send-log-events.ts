import type { FastifyReply } from 'fastify'
import { followLog } from '../../log/follower.ts'
import { pingFrame } from '../../sse/frame.ts'
import { PacedWriter } from '../../sse/paced-writer.ts'
import { closersOf } from '../../sse/sink.ts'
import { acquireSlot, openingFrame, startStream } from '../../sse/stream.ts'
import type { TaskStore } from '../../store.ts'
import { safeLogger } from '../../util/callbacks.ts'
import type { RouteContext } from '../context.ts'
import { logFrames, TRUNCATION } from './log-frames.ts'

export interface LogEventsRequest {
  readonly taskId: string
  /** Byte offset to start at; undefined if the client must start over, because its position is not usable. */
  readonly position: number | undefined
}

/** Sends a log as Server-Sent Events until its task finishes, no faster than the client reads. */
export function sendLogEvents (reply: FastifyReply, { store, slots }: RouteContext, request: LogEventsRequest): void {
  const slot = acquireSlot(reply, slots)
  if (slot === undefined) return
  const closed = new AbortController()
  const sink = startStream(reply)
  const writer = new PacedWriter(sink)
  sink.on('close', () => closed.abort())
  const { end, destroy } = closersOf(reply)
  slot.attach({
    ping: () => { if (!writer.isFull) sink.write(pingFrame()) },
    end: () => {
      closed.abort()
      end()
    },
    destroy
  })
  sink.write(openingFrame())
  writeFrames(writer, store, request, closed.signal).then(
    () => { if (!closed.signal.aborted) sink.end() },
    (error) => {
      safeLogger(reply.log, ['error']).error({ err: error, taskId: request.taskId }, 'fastify-tasks: following a log failed')
      // without `end`, the client reconnects
      sink.destroy()
    }
  )
}

async function writeFrames (writer: PacedWriter, store: TaskStore, { taskId, position }: LogEventsRequest, signal: AbortSignal): Promise<void> {
  if (position === undefined) await writer.write(TRUNCATION)
  for await (const frame of logFrames(followLog(store, taskId, { position: position ?? 0, signal }))) {
    if (signal.aborted) return
    await writer.write(frame)
  }
}
