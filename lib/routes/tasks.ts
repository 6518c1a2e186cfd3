import { Readable } from 'node:stream'
import { Type, type Static } from '@sinclair/typebox'
import { createTask } from '../create-task.ts'
import {
  CancelResponseSchema, DeleteQuerySchema, DeleteResponseSchema, ErrorResponseSchema, IdParamsSchema, isTrue, ListQuerySchema
} from '../shared/api-schemas.ts'
import { NewTaskSchema, TaskSchema, TaskSummarySchema } from '../shared/task-schema.ts'
import type { TaskQuery } from '../store.ts'
import { action, JSON_TYPE, sendJson, sendValue, untyped, type RouteContext, type Scope } from './context.ts'
import { matchesTag } from './entity-tag.ts'
import { existingTask } from './existing-task.ts'
import { ListBodies, type ListBody } from './list-bodies.ts'
import { publicPath } from './public-path.ts'

type ListQuery = Static<typeof ListQuerySchema>

/** The routes that read tasks: GET / and GET /:id. */
export function readingRoutes (scope: Scope, { store }: RouteContext): void {
  const bodies = new ListBodies()

  scope.get('/', {
    config: action('list'),
    schema: { querystring: ListQuerySchema, response: { 200: Type.Array(Type.Union([TaskSchema, TaskSummarySchema])), '4xx': ErrorResponseSchema } }
  }, async ({ query, headers }, reply) => {
    const list = await store.list(toTaskQuery(query))
    const { next, lastEventId, version } = list
    const etag = `W/"${version}"`
    reply.headers({ 'last-event-id': lastEventId, etag, 'cache-control': 'no-cache' })
    if (next !== undefined) reply.header('link', `<?${nextPageQuery(query, next)}>; rel="next"`)
    if (matchesTag(headers['if-none-match'], etag)) return sendJson(reply.code(304), '')
    return sendList(reply, await bodies.get(JSON.stringify(query), list, { isSummary: isTrue(query.summary) }))
  })

  scope.get('/:id', {
    config: action('read'),
    schema: { params: IdParamsSchema, response: { 200: TaskSchema, '4xx': ErrorResponseSchema } }
  }, async ({ params: { id } }, reply) => sendJson(reply, (await existingTask(store, id)).json))
}

/** The routes that change tasks: POST /, POST /:id/cancel and DELETE /:id. */
export function writingRoutes (scope: Scope, { store }: RouteContext): void {
  scope.post('/', {
    config: action('create'),
    schema: { body: NewTaskSchema, response: { 200: TaskSchema, 201: TaskSchema, '4xx': ErrorResponseSchema } }
  }, async ({ body, originalUrl }, reply) => {
    const { task, created } = await createTask(store, body, 'body')
    reply.header('location', `${publicPath(originalUrl)}/${task.id}`)
    return sendJson(reply.code(created ? 201 : 200), task.json)
  })

  scope.post('/:id/cancel', {
    config: action('cancel'),
    schema: { params: IdParamsSchema, response: { 200: TaskSchema, 202: CancelResponseSchema, '4xx': ErrorResponseSchema } }
  }, async ({ params: { id } }, reply) => {
    const { outcome, task } = await store.cancel(id)
    if (outcome === 'requested') return sendValue(reply.code(202), { ok: true })
    return sendJson(reply, task.json)
  })

  scope.delete('/:id', {
    config: action('delete'),
    schema: { params: IdParamsSchema, querystring: DeleteQuerySchema, response: { 200: DeleteResponseSchema, '4xx': ErrorResponseSchema } }
  }, async ({ params: { id }, query }, reply) => {
    const forced = isTrue(query.force)
    await store.delete(id, { force: forced })
    return sendValue(reply, { ok: true, forced })
  })
}

/** @returns the reply, for the handler to return */
function sendList<R extends object> (reply: R, { pieces, length }: ListBody): R {
  const [first] = pieces
  if (pieces.length === 1) return sendJson(reply, first!)
  untyped(reply).headers({ 'content-type': JSON_TYPE, 'content-length': length }).send(Readable.from(pieces, { objectMode: false }))
  return reply
}

function toTaskQuery ({ status, limit, before }: ListQuery): TaskQuery {
  return {
    ...(status !== undefined && { status }),
    ...(limit !== undefined && { limit: Number(limit) }),
    ...(before !== undefined && { before })
  }
}

/** @param next the cursor of the next page; this page has a `limit`, because there is a next one */
function nextPageQuery ({ status = [], limit = '', summary }: ListQuery, next: string): URLSearchParams {
  return new URLSearchParams([
    ['limit', limit],
    ['before', next],
    ...status.map((value): [string, string] => ['status', value]),
    ...(summary === undefined ? [] : [['summary', summary] as [string, string]])
  ])
}
