import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import { FST_TASKS_NOT_FOUND, FST_TASKS_POSITION, FST_TASKS_RANGE, FST_TASKS_VALIDATION } from '../../errors.ts'
import { sendLogBytes, sendLogEvents } from './log-stream.ts'
import { isGone, lastEventId } from '../../sse/sink.ts'
import { startOfLastLines } from '../../log/last-lines.ts'
import { searchLog } from '../../log/search.ts'
import type { TaskStore } from '../../store.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
import { isActive } from '../../shared/task-status.ts'
import { action, UNCOMPRESSED, type RouteContext, type Scope } from '../context.ts'
import { matchesTag } from '../entity-tag.ts'
import { parseRange } from './range.ts'
import { ErrorResponseSchema, IdParamsSchema, isTrue, LogEventsQuerySchema, LogQuerySchema, type LogQuery, SearchQuerySchema, SearchResultSchema } from '../../shared/api-schemas.ts'

const TEXT_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' } as const

/** The part of a log that a request asks for. */
interface Part {
  readonly start: number
  /** Exclusive, where a range was asked for. */
  readonly end?: number
  /** Of the whole log. */
  readonly size: number
  readonly etag: string
}

export function logRoutes (scope: Scope, context: RouteContext): void {
  const { store } = context
  const route = { config: action('log'), schema: { params: IdParamsSchema, querystring: LogQuerySchema }, ...UNCOMPRESSED } as const

  scope.get('/:id/log', { ...route, exposeHeadRoute: false }, async ({ params: { id }, query, headers }, typedReply) => {
    const reply = typedReply as unknown as FastifyReply
    const part = await choosePart(store, id, query, headers, reply)
    if (isTrue(query.follow)) return sendLogBytes(reply, context, id, { position: part?.start ?? 0, headers: followHeaders(part) })
    if (part !== undefined && matchesTag(headers['if-none-match'], part.etag)) return await logHeaders(reply, part).code(304).send()
    const log = part && await store.readLog(id, part)
    if (part === undefined || log === undefined) return await logHeaders(reply, undefined).code(404).send('')
    // it may have grown, or shrunk, since
    const { size } = log
    const end = Math.min(part.end ?? size, size)
    if (part.end !== undefined && part.start >= end) throw refused(reply, size, new FST_TASKS_RANGE(size))
    if (part.start > end) throw refused(reply, size, new FST_TASKS_POSITION(part.start, size))
    if (part.end !== undefined) reply.code(206).header('content-range', `bytes ${part.start}-${end - 1}/${size}`)
    return await logHeaders(reply, { ...part, etag: log.etag }).header('content-length', end - part.start).send(log.body)
  })

  scope.head('/:id/log', route, async ({ params: { id }, query, headers }, typedReply) => {
    const reply = typedReply as unknown as FastifyReply
    const part = await choosePart(store, id, query, {}, reply)
    // the final length is unknown
    if (isTrue(query.follow)) return await reply.headers(followHeaders(part)).send()
    logHeaders(reply, part)
    if (part === undefined) return await reply.code(404).send()
    if (matchesTag(headers['if-none-match'], part.etag)) return await reply.code(304).send()
    return await reply.header('content-length', part.size - part.start).send()
  })

  scope.get('/:id/log/events', {
    config: action('log'),
    schema: { params: IdParamsSchema, querystring: LogEventsQuerySchema },
    ...UNCOMPRESSED,
    exposeHeadRoute: false,
    sse: { kind: 'only', heartbeat: false }
  }, async ({ params: { id }, query }, typedReply) => {
    const reply = typedReply as unknown as FastifyReply
    const task = await existing(store, id)
    const [, offset, end] = /^(\d{1,15})(-end)?$/.exec(lastEventId(reply) ?? query.position ?? '0') ?? []
    // the client already received `end`, and the log has not grown since
    if (end !== undefined && !isActive(task.status) && Number(offset) === ((await describe(store, id))?.size ?? 0)) return await reply.code(204).send()
    sendLogEvents(reply, context, id, offset === undefined ? undefined : Number(offset))
  })

  scope.head('/:id/log/events', { config: action('log'), schema: { params: IdParamsSchema } }, async ({ params: { id } }, reply) => {
    await existing(store, id)
    return await reply.header('content-type', 'text/event-stream').header('cache-control', 'no-cache, no-transform').send()
  })

  scope.get('/:id/log/search', {
    config: action('log'),
    schema: { params: IdParamsSchema, querystring: SearchQuerySchema, response: { 200: SearchResultSchema, '4xx': ErrorResponseSchema } }
  }, async ({ params: { id }, query }, reply) => {
    await existing(store, id)
    return await searchLog(store, id, query.q, {
      limit: query.limit === undefined ? undefined : Number(query.limit),
      before: query.before === undefined ? undefined : Number(query.before),
      signal: leaving(reply as unknown as FastifyReply)
    })
  })
}

async function existing (store: TaskStore, id: string): Promise<StoredTask> {
  const task = await store.get(id)
  if (task === undefined) throw new FST_TASKS_NOT_FOUND(id)
  return task
}

/** Undefined: there is no log yet. */
async function describe (store: TaskStore, id: string): Promise<{ size: number, etag: string } | undefined> {
  const log = await store.readLog(id, { start: 0, end: 0 })
  log?.body.destroy()
  return log
}

/** Undefined: there is no log yet. */
async function choosePart (store: TaskStore, id: string, query: LogQuery, headers: IncomingHttpHeaders, reply: FastifyReply): Promise<Part | undefined> {
  if (query.position !== undefined && query.tail !== undefined) throw new FST_TASKS_VALIDATION('querystring must have position or tail, not both')
  await existing(store, id)
  const log = await describe(store, id)
  if (log === undefined) return undefined
  const { size, etag } = log
  if (query.tail !== undefined) {
    return { start: await startOfLastLines(store, id, { lines: Number(query.tail), end: size, signal: leaving(reply) }), size, etag }
  }
  const start = Number(query.position ?? 0)
  if (start > size) throw refused(reply, size, new FST_TASKS_POSITION(start, size))
  // `Range` is ignored with `position` or `follow`, as the representation would differ on every request
  const ranged = query.position === undefined && !isTrue(query.follow) && (headers['if-range'] ?? etag) === etag && !matchesTag(headers['if-none-match'], etag)
  const range = ranged ? parseRange(headers.range, size) : undefined
  if (range === 'unsatisfiable') throw refused(reply, size, new FST_TASKS_RANGE(size))
  return { start, ...range, size, etag }
}

function refused (reply: FastifyReply, size: number, error: Error): Error {
  reply.header('content-range', `bytes */${size}`)
  return error
}

/** No ETag, because the response keeps growing; disables proxy buffering. */
function followHeaders (part: Part | undefined): Record<string, string> {
  return { ...TEXT_HEADERS, 'log-position': String(part?.start ?? 0), 'x-accel-buffering': 'no' }
}

function logHeaders (reply: FastifyReply, part: Pick<Part, 'start' | 'etag'> | undefined): FastifyReply {
  reply.headers(TEXT_HEADERS)
  return part === undefined ? reply : reply.headers({ etag: part.etag, 'accept-ranges': 'bytes', 'log-position': part.start })
}

/** A signal that aborts when the response is closed. */
function leaving (reply: FastifyReply): AbortSignal {
  const left = new AbortController()
  if (isGone(reply)) left.abort()
  reply.raw.once('close', () => left.abort())
  return left.signal
}
