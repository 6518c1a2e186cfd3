/**
 * The plugin inside a host: a scope for operators, a read-only view for everybody, and a feed of the host's own.
 *
 *   ADMIN_TOKEN=a VIEWER_TOKEN=v node --import=tsx examples/embedding.ts
 */
import { fastifySSE } from '@fastify/sse'
import Fastify from 'fastify'
import tasksPlugin, { DirectoryStore, type TaskAction } from 'fastify-tasks'

const { ADMIN_TOKEN = 'admin', VIEWER_TOKEN = 'viewer', TASKS_DIR = 'tasks', PORT = '3000' } = process.env
const READING: readonly TaskAction[] = ['list', 'read', 'log', 'events', 'health']

const app = Fastify({ logger: { level: 'warn' } })
// one store, so one watcher, for both views
const store = new DirectoryStore(TASKS_DIR)

app.register(async (admin) => {
  admin.addHook('onRequest', async ({ headers, routeOptions }, reply) => {
    const action = routeOptions.config.tasks?.action
    const mayRead = headers.authorization === `Bearer ${VIEWER_TOKEN}` && action !== undefined && READING.includes(action)
    if (headers.authorization === `Bearer ${ADMIN_TOKEN}` || mayRead) return
    return await reply.code(403).send({ statusCode: 403, code: 'EXAMPLE_FORBIDDEN', error: 'Forbidden', message: 'This token may not do that.' })
  })

  // for the route below; the plugin then uses this one too
  await admin.register(fastifySSE)
  await admin.register(tasksPlugin, { store, prefix: '/admin/tasks' })

  admin.get('/admin/deployments', {
    config: { tasks: { action: 'events' } },
    sse: { kind: 'only', heartbeat: false }
  }, async (_request, reply) => {
    await reply.taskEvents({ where: (task) => task.type === 'deployment' })
  })

  admin.tasks.on('task.upsert', ({ task }) => {
    if (task.status === 'failed') console.log(`${task.id} failed: ${task.errorMessage}`)
  })
})

// Everybody sees commands and output here, and can change nothing.
app.register(async (everybody) => {
  await everybody.register(tasksPlugin, { store, prefix: '/public/tasks', readOnly: true })
})

console.log(await app.listen({ port: Number(PORT), host: '127.0.0.1' }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { app.close() })
