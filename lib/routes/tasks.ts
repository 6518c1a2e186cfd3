import { createHash } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { FST_TASKS_NOT_FOUND } from '../errors.ts'
import type { TaskQuery } from '../store.ts'
import { NewTaskSchema, TaskSchema } from '../shared/task-schema.ts'
import { action, sendJson, type RouteContext, type Scope } from './context.ts'
import { matchesTag } from './entity-tag.ts'
import { CancelResponseSchema, ErrorResponseSchema, DeleteQuerySchema, IdParamsSchema, isTrue, ListQuerySchema, DeleteResponseSchema } from '../shared/api-schemas.ts'

export function readingRoutes (scope: Scope, { store }: RouteContext): void {
  scope.get('/', {
    config: action('list'),
    schema: { querystring: ListQuerySchema, response: { 200: Type.Array(TaskSchema), '4xx': ErrorResponseSchema } }
  }, async (request, reply) => {
    const { status, limit, before } = request.query
    const query: TaskQuery = {
      ...(status !== undefined && { status }),
      ...(limit !== undefined && { limit: Number(limit) }),
      ...(before !== undefined && { before })
    }
    const { tasks, next, lastEventId } = await store.list(query)
    const body = Buffer.from(`[${tasks.map(({ json }) => json).join(',')}]`)
    const etag = `W/"${createHash('sha1').update(body).digest('base64url')}"`
    reply.header('last-event-id', lastEventId).header('etag', etag).header('cache-control', 'no-cache')
    if (next !== undefined) {
      const parameters = new URLSearchParams({ limit: limit!, before: next })
      for (const value of status ?? []) parameters.append('status', value)
      reply.header('link', `<${scope.prefix}?${parameters}>; rel="next"`)
    }
    if (matchesTag(request.headers['if-none-match'], etag)) return sendJson(reply.code(304), '')
    return sendJson(reply, body)
  })

  scope.get('/:id', {
    config: action('read'),
    schema: { params: IdParamsSchema, response: { 200: TaskSchema, '4xx': ErrorResponseSchema } }
  }, async (request, reply) => {
    const task = await store.get(request.params.id)
    if (task === undefined) throw new FST_TASKS_NOT_FOUND(request.params.id)
    return sendJson(reply, task.json)
  })
}

export function writingRoutes (scope: Scope, { store }: RouteContext): void {
  scope.post('/', {
    config: action('create'),
    schema: { body: NewTaskSchema, response: { 200: TaskSchema, 201: TaskSchema, '4xx': ErrorResponseSchema } }
  }, async (request, reply) => {
    const { task, created } = await store.create(request.body)
    reply.header('location', `${scope.prefix}/${task.id}`)
    return sendJson(reply.code(created ? 201 : 200), task.json)
  })

  scope.post('/:id/cancel', {
    config: action('cancel'),
    schema: { params: IdParamsSchema, response: { 200: TaskSchema, 202: CancelResponseSchema, '4xx': ErrorResponseSchema } }
  }, async (request, reply) => {
    const { outcome, task } = await store.cancel(request.params.id)
    if (outcome === 'requested') return await reply.code(202).send({ ok: true })
    return sendJson(reply, task.json)
  })

  scope.delete('/:id', {
    config: action('delete'),
    schema: {
      params: IdParamsSchema,
      querystring: DeleteQuerySchema,
      response: { 200: DeleteResponseSchema, '4xx': ErrorResponseSchema }
    }
  }, async (request) => {
    const forced = isTrue(request.query.force)
    await store.delete(request.params.id, { force: forced })
    return { ok: true, forced }
  })
}
