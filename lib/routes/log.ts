import type { FastifyReply } from 'fastify'
import { Type } from '@sinclair/typebox'
import { FST_TASKS_NOT_FOUND, FST_TASKS_POSITION } from '../errors.ts'
import type { LogContent } from '../store.ts'
import { action, IdParams, PositionSchema, type RouteContext, type Scope } from './context.ts'

const LogQuery = Type.Object({ position: Type.Optional(PositionSchema) }, { additionalProperties: false })

export function logRoutes (scope: Scope, { store }: RouteContext): void {
  const route = { config: action('log'), schema: { params: IdParams, querystring: LogQuery }, compress: false } as const

  const open = async (id: string, position: number, reply: FastifyReply): Promise<LogContent | undefined> => {
    if (await store.get(id) === undefined) throw new FST_TASKS_NOT_FOUND(id)
    const log = await store.readLog(id, { start: position })
    reply.header('content-type', 'text/plain; charset=utf-8').header('x-content-type-options', 'nosniff').header('cache-control', 'no-cache')
    if (log === undefined) return undefined
    if (position > log.size) {
      log.body.destroy()
      reply.removeHeader('content-type')
      reply.header('content-range', `bytes */${log.size}`)
      throw new FST_TASKS_POSITION(position, log.size)
    }
    reply.header('etag', log.etag).header('content-length', log.size - position)
    return log
  }

  scope.get('/:id/log', { ...route, exposeHeadRoute: false }, async (request, reply) => {
    const log = await open(request.params.id, Number(request.query.position ?? 0), reply)
    if (log === undefined) return await reply.code(404).send('')
    return await reply.send(log.body)
  })

  scope.head('/:id/log', route, async (request, reply) => {
    const log = await open(request.params.id, Number(request.query.position ?? 0), reply)
    log?.body.destroy()
    return await reply.code(log === undefined ? 404 : 200).send()
  })
}
