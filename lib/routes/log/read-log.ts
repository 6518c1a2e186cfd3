import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { IdParamsSchema, isTrue, LogQuerySchema } from '../../shared/api-schemas.ts'
import { emitCloseOnDisconnect, isDisconnected } from '../../sse/sink.ts'
import type { TaskStore } from '../../store.ts'
import { action, UNCOMPRESSED, untyped, type RouteContext, type Scope } from '../context.ts'
import { matchesTag } from '../entity-tag.ts'
import { followHeaders, setLogHeaders } from './log-headers.ts'
import { beyondEnd, selectRange, type SelectedRange } from './select-range.ts'
import { sendLogBytes } from './send-log-bytes.ts'

/** The bytes of a log: GET, HEAD /:id/log. */
export function readLogRoutes (scope: Scope, context: RouteContext): void {
  const { store } = context
  const route = { config: action('log'), schema: { params: IdParamsSchema, querystring: LogQuerySchema }, ...UNCOMPRESSED } as const

  scope.get('/:id/log', { ...route, exposeHeadRoute: false }, async ({ params: { id }, query, headers }, typedReply) => {
    const reply = untyped(typedReply)
    const range = await selectRange(reply, store, { id, query, headers })
    if (isTrue(query.follow)) {
      return sendLogBytes(reply, context, { taskId: id, position: range?.start ?? 0, headers: followHeaders(range) })
    }
    if (range !== undefined && matchesTag(headers['if-none-match'], range.etag)) return await setLogHeaders(reply, range).code(304).send()
    return await sendRange(reply, store, id, range)
  })

  scope.head('/:id/log', route, async ({ params: { id }, query, headers }, typedReply) => {
    const reply = untyped(typedReply)
    // a `Range` header applies only to GET
    const range = await selectRange(reply, store, { id, query, headers: {} })
    if (isTrue(query.follow)) return await reply.headers(followHeaders(range)).send()
    if (range === undefined) return await setLogHeaders(reply, undefined).code(404).send()
    if (matchesTag(headers['if-none-match'], range.etag)) return await setLogHeaders(reply, range).code(304).send()
    return await setLogHeaders(reply, range).header('content-length', range.size - range.start).send()
  })
}

/** The log may have been truncated, deleted or appended to since the range was selected. */
async function sendRange (reply: FastifyReply, store: TaskStore, id: string, range: SelectedRange | undefined): Promise<void> {
  const log = range && await store.readLog(id, range)
  if (range === undefined || log === undefined) return await setLogHeaders(reply, undefined).code(404).send('')
  const { size, etag, body } = log
  const end = Math.min(range.end ?? size, size)
  if (range.start > end || (range.end !== undefined && range.start === end)) {
    body.destroy()
    throw beyondEnd(reply, size, range.end === undefined ? range.start : undefined)
  }
  if (range.end !== undefined) reply.code(206).header('content-range', `bytes ${range.start}-${end - 1}/${size}`)
  return await sendBody(setLogHeaders(reply, { ...range, etag }).header('content-length', end - range.start), body)
}

/** Fastify does not destroy the body if the client has disconnected before, nor always later over HTTP/2. */
async function sendBody (reply: FastifyReply, body: Readable): Promise<void> {
  if (isDisconnected(reply)) {
    body.destroy()
    reply.hijack()
    return
  }
  emitCloseOnDisconnect(reply)
  reply.raw.once('close', () => body.destroy())
  await reply.send(body)
}
