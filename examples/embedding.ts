/**
 * The plugin in a host with two kinds of users: operators manage tasks with a token, and everybody else may watch.
 *
 *   ADMIN_TOKEN=a VIEWER_TOKEN=v node --import=tsx examples/embedding.ts
 *
 *   /admin/tasks        the whole API; with the viewer's token, only the routes that read
 *   /admin/deployments  a feed of deployments only
 *   /public/tasks       the API without the routes that create, cancel and delete
 *
 * Environment: ADMIN_TOKEN (default admin), VIEWER_TOKEN (viewer), TASKS_DIR (./tasks), PORT (3000).
 */
import { fastifySSE } from '@fastify/sse'
import Fastify from 'fastify'
import tasksPlugin, { DirectoryStore, type TaskAction } from 'fastify-tasks'

const { ADMIN_TOKEN = 'admin', VIEWER_TOKEN = 'viewer', TASKS_DIR = 'tasks', PORT = '3000' } = process.env
const READ_ACTIONS: readonly TaskAction[] = ['list', 'read', 'log', 'events', 'health', 'types']

const app = Fastify({ logger: { level: 'warn' } })

// Both registrations share one store, and so one watcher of the directory.
const store = new DirectoryStore(TASKS_DIR)

app.register(async (admin) => {
  // Each route of the plugin has an action, by which a hook can decide.
  admin.addHook('onRequest', async ({ headers, routeOptions }, reply) => {
    const action = routeOptions.config.tasks?.action
    const mayRead = headers.authorization === `Bearer ${VIEWER_TOKEN}` && action !== undefined && READ_ACTIONS.includes(action)
    if (headers.authorization === `Bearer ${ADMIN_TOKEN}` || mayRead) return
    return await reply.code(403).send({ statusCode: 403, code: 'EXAMPLE_FORBIDDEN', error: 'Forbidden', message: 'This token does not allow this action.' })
  })

  // The route below needs @fastify/sse. The plugin uses this registration instead of its own.
  await admin.register(fastifySSE)
  await admin.register(tasksPlugin, { store, prefix: '/admin/tasks' })

  // A feed of the host's own: the filter selects the tasks.
  admin.get('/admin/deployments', {
    config: { tasks: { action: 'events' } },
    sse: { kind: 'only', heartbeat: false }
  }, async (_request, reply) => {
    await reply.taskEvents({ where: (task) => task.type === 'deployment' })
  })

  // The server itself can react to changes.
  admin.tasks.on('task.upsert', ({ task }) => {
    if (task.status === 'failed') console.log(`${task.id} failed: ${task.errorMessage}`)
  })
})

app.register(async (everybody) => {
  await everybody.register(tasksPlugin, { store, prefix: '/public/tasks', readOnly: true })
})

console.log(await app.listen({ port: Number(PORT), host: '127.0.0.1' }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { app.close() })
