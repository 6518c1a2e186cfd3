import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import { FST_TASKS_TOO_MANY_CLIENTS } from '../../errors.ts'
import { followLog, followLogBytes, type LogPieces } from '../../log/follower.ts'
import type { TaskStore } from '../../store.ts'
import { completeLength, textChunk } from '../../log/text.ts'
import { logEndFrame, logFrame, pingFrame } from '../../sse/frame.ts'
import { beginStream, endings, enter, isGone, openingFrame } from '../../sse/sink.ts'
import type { StreamSlots } from '../../sse/slots.ts'

const START_OVER = { offset: 0, end: 0, chunk: '', truncated: true } as const

export interface LogStreamContext {
  readonly store: TaskStore
  readonly streams: StreamSlots
}

/**
 * Sends a log as Server-Sent Events until its task ends, as fast as the client reads and no faster.
 * @param position undefined: what the client has is of no use, it starts over
 */
export function sendLogEvents (reply: FastifyReply, { store, streams }: LogStreamContext, taskId: string, position: number | undefined): void {
  const slot = enter(reply, streams)
  if (slot === undefined) return
  const ended = new AbortController()
  const sink = beginStream(reply)
  let full = false
  let goOn: () => void = () => {}
  sink.on('drain', () => goOn())
  sink.on('close', () => {
    ended.abort()
    goOn()
  })
  const { end, destroy } = endings(reply)
  slot.open({
    ping: () => { if (!full) sink.write(pingFrame(undefined)) },
    end: () => {
      ended.abort()
      end()
    },
    destroy
  })
  const write = async () => {
    sink.write(openingFrame())
    if (position === undefined) sink.write(logFrame(START_OVER))
    for await (const frame of logFrames(followLog(store, taskId, { position: position ?? 0, signal: ended.signal }))) {
      if (ended.signal.aborted) return
      full = !sink.write(frame)
      if (full) await new Promise<void>((resolve) => { goOn = resolve })
      full = false
    }
    if (!ended.signal.aborted) sink.end()
  }
  write().catch((error) => {
    reply.log.error({ err: error, taskId }, 'fastify-tasks: a log could not be followed')
    // without an end, the client comes back
    sink.destroy()
  })
}

/** Sends a log's bytes as they come, until its task ends: `tail -f` for programs that know no Server-Sent Events. */
export function sendLogBytes (
  reply: FastifyReply,
  { store, streams }: LogStreamContext,
  taskId: string,
  { position, headers }: { position: number, headers: Record<string, string> }
): void {
  if (isGone(reply)) {
    reply.hijack()
    return
  }
  const slot = streams.enter(reply.request.ip)
  if (slot === undefined) throw new FST_TASKS_TOO_MANY_CLIENTS()
  const { raw } = reply
  const ended = new AbortController()
  raw.once('close', () => {
    ended.abort()
    slot.leave()
  })
  reply.hijack()
  raw.writeHead(200, { ...reply.getHeaders() as Record<string, string>, ...headers })
  raw.flushHeaders()
  const { destroy } = endings(reply)
  // destroyed rather than ended: a clean end would mean that the task has finished
  slot.open({ ping: () => {}, end: destroy, destroy })
  pipeline(followLogBytes(store, taskId, { position, signal: ended.signal }), raw).catch((error) => {
    if (!ended.signal.aborted) reply.log.error({ err: error, taskId }, 'fastify-tasks: a log could not be followed')
  })
}

/** The text of each piece, cut at character boundaries; an incomplete tail waits for its rest, or for the task's end. */
async function * logFrames (pieces: LogPieces): AsyncGenerator<Buffer, void, undefined> {
  let rest = Buffer.alloc(0)
  let position = 0
  try {
    let next = await pieces.next()
    for (; next.done !== true; next = await pieces.next()) {
      const { offset, bytes, truncated } = next.value
      if (truncated === true) {
        yield logFrame(START_OVER)
        rest = Buffer.alloc(0)
        continue
      }
      position = offset - rest.length
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      const text = all.subarray(0, completeLength(all))
      rest = Buffer.from(all.subarray(text.length))
      if (text.length > 0) yield logFrame(textChunk(position, text))
      position += text.length
    }
    if (next.value === undefined) return
    if (rest.length > 0) yield logFrame(textChunk(position, rest))
    yield logEndFrame(next.value.size, next.value.status ?? null)
  } finally {
    await pieces.return(undefined)
  }
}
