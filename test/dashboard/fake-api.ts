import { once } from 'node:events'
import Fastify from 'fastify'
import tasksDashboard from 'fastify-tasks/dashboard'
import type { Test } from 'tap'

export interface FakeApi {
  /** URL of the dashboard. */
  readonly url: string
  /** The tasks as JSON text, by id. */
  readonly tasks: Map<string, string>
  /** Sends an event to the feed's clients, without changing the list. */
  emit (event: string, data: string): void
  /** Bodies of the requests that create a task. */
  readonly created: string[]
}

/** The dashboard with an API that is not ours: it sends any JSON, always complete tasks, and resumes from everywhere. */
export async function startFakeApi (t: Test, json: (id: string) => string, ids: readonly string[]): Promise<FakeApi> {
  const tasks = new Map(ids.map((id) => [id, json(id)]))
  const streams = new Set<NodeJS.WritableStream>()
  const created: string[] = []
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  await app.register(tasksDashboard)
  await app.register(async (scope) => {
    scope.addHook('onSend', async (_request, reply) => { reply.type('application/json').header('last-event-id', '1') })
    scope.get('/', async () => `[${[...tasks.values()].join(',')}]`)
    scope.get('/_meta/health', async () => '{"problems":[],"processorAlive":true,"readOnly":false}')
    scope.get('/_meta/types', async () => '{"types":[{"name":"build","shell":true,"config":{}}],"anyType":true}')
    scope.get<{ Params: { id: string } }>('/:id', async ({ params: { id } }, reply) => tasks.get(id) ?? reply.code(404).send('{"code":"FST_TASKS_NOT_FOUND","message":"none"}'))
    scope.post('/', async ({ body }, reply) => {
      created.push(String(body))
      return reply.code(201).send(tasks.values().next().value)
    })
  }, { prefix: '/api/tasks' })
  app.get('/api/tasks/events', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\nevent: ready\ndata: {"resumed":true}\n\n')
    streams.add(reply.raw)
    once(reply.raw, 'close').then(() => streams.delete(reply.raw), () => {})
  })
  app.get('/api/tasks/:id/log', (_request, reply) => reply.code(404).type('text/plain').send(''))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    url: `${url}/`,
    tasks,
    created,
    emit: (event, data) => { for (const stream of streams) stream.write(`id: 2\nevent: ${event}\ndata: ${data}\n\n`) }
  }
}
