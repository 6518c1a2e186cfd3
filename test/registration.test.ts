import { fastifySSE } from '@fastify/sse'
import Fastify, { type FastifyInstance } from 'fastify'
import { tasksDashboard } from 'fastify-tasks/dashboard'
import t, { type Test } from 'tap'
import { DirectoryStore, tasksPlugin } from '../lib/index.ts'
import { temporaryDirectory } from './helpers.ts'

/** Counts how often it is opened and closed. */
class CountedStore extends DirectoryStore {
  opened = 0
  closed = 0

  override async open (context: Parameters<DirectoryStore['open']>[0]): Promise<void> {
    this.opened++
    await super.open(context)
  }

  override async close (): Promise<void> {
    this.closed++
    await super.close()
  }
}

async function createHost (t: Test): Promise<{ app: FastifyInstance, store: CountedStore }> {
  const app = Fastify()
  t.teardown(() => app.close())
  return { app, store: new CountedStore(await temporaryDirectory(t)) }
}

/** Registers the plugin. Fastify can continue after an error that a callback of `after` takes. */
async function errorOf (app: FastifyInstance, options: object): Promise<unknown> {
  let error: unknown
  await app.register(tasksPlugin, options as never).after((cause) => { error = cause })
  return error
}

const answer = async () => 'of the host'
const fail = () => { throw new Error('a hook of the host failed') }

/** What a host may do before it registers the plugin, and the error. */
const CONFLICTS: Array<[what: string, prepare: (app: FastifyInstance) => unknown, error: { code?: string, message: RegExp }]> = [
  ['a route of the same path', (app) => app.get('/api/tasks', answer), { code: 'FST_ERR_DUPLICATED_ROUTE', message: /'GET' already declared for route '\/api\/tasks'/ }],
  ['a route with another parameter', (app) => app.get('/api/tasks/:name', answer), { code: 'FST_ERR_DUPLICATED_ROUTE', message: /api\/tasks\/:/ }],
  ['a HEAD route', (app) => app.head('/api/tasks/events', answer), { code: 'FST_ERR_DUPLICATED_ROUTE', message: /'HEAD' already declared/ }],
  ['a route that only a writable view has', (app) => app.post('/api/tasks/:id/cancel', answer), { code: 'FST_ERR_DUPLICATED_ROUTE', message: /'POST' already declared/ }],
  ['an onRoute hook that throws', (app) => app.addHook('onRoute', fail), { message: /a hook of the host failed/ }],
  ['an onRoute hook that throws for the last route', (app) => app.addHook('onRoute', ({ method }) => { if (method === 'DELETE') fail() }), { message: /a hook of the host failed/ }],
  ['an onRegister hook that throws', (app) => app.addHook('onRegister', fail), { message: /a hook of the host failed/ }],
  ['a decorator of that name', (app) => app.decorate('tasks', ['a task'] as never), { code: 'FST_TASKS_DECORATOR', message: /^The host has a decorator app\.tasks of its own/ }],
  ['a decorator of that name with a getter', (app) => app.decorate('tasks', { getter: fail } as never), { code: 'FST_TASKS_DECORATOR', message: /app\.tasks/ }],
  ['a decorator of that name that is undefined', (app) => app.decorate('tasks', undefined as never), { code: 'FST_TASKS_DECORATOR', message: /app\.tasks/ }],
  ['a reply decorator of that name', (app) => app.decorateReply('taskEvents', answer as never), { code: 'FST_TASKS_DECORATOR', message: /^The host has a decorator reply\.taskEvents of its own/ }],
]

for (const [what, prepare, error] of CONFLICTS) {
  t.test(`a host with ${what}: the registration rejects and closes the store`, async (t) => {
    const { app, store } = await createHost(t)
    prepare(app)
    await t.rejects(async () => { await app.register(tasksPlugin, { store }) }, error)
    t.equal(store.closed, store.opened)

    const { app: late, store: lateStore } = await createHost(t)
    prepare(late)
    late.register(tasksPlugin, { store: lateStore })
    await t.rejects(async () => { await late.ready() }, error, 'without await, ready() rejects')
    t.equal(lateStore.closed, lateStore.opened)
  })
}

t.test('after a registration that failed, another one works', async (t) => {
  const { app, store } = await createHost(t)
  app.delete('/api/tasks/:id', answer)
  t.match(await errorOf(app, { store }), { code: 'FST_ERR_DUPLICATED_ROUTE' })
  t.notOk(app.hasDecorator('tasks'))
  await app.register(tasksPlugin, { store, prefix: '/jobs' })
  await app.tasks.create({ command: 'true', id: 'task_1_a' })
  t.match((await app.inject('/jobs')).json(), [{ id: 'task_1_a' }])
  t.equal((await app.inject({ method: 'DELETE', url: '/api/tasks/task_1_a' })).body, 'of the host')
  await app.close()
  t.strictSame([store.opened, store.closed], [2, 2])
})

t.test('a second view with the prefix of the first one rejects, and the first one still works', async (t) => {
  const { app, store } = await createHost(t)
  await app.register(tasksPlugin, { store })
  t.match(await errorOf(app, { store: app.tasks.store, readOnly: true }), { code: 'FST_ERR_DUPLICATED_ROUTE' })
  t.equal(store.closed, 0)
  await app.tasks.create({ command: 'true' })
  t.equal((await app.inject('/api/tasks')).json().length, 1)
})

t.test('a store that fails rejects the registration, however it fails', async (t) => {
  const failure = new Error('the store failed')
  const reject = async () => { throw failure }
  const fail = () => { throw failure }
  for (const [what, parts] of [
    ['open() throws', { open: fail }], ['open() rejects', { open: reject }], ['subscribe() throws', { subscribe: fail }],
    ['subscribe() and close() fail', { subscribe: fail, close: reject }], ['close() throws too', { subscribe: fail, close: fail }]
  ] as const) {
    const { app, store } = await createHost(t)
    const faulty = { open: () => store.open({ log: app.log }), close: () => store.close(), subscribe: () => () => {}, ...parts }
    t.equal(await errorOf(app, { store: faulty }), failure, what)
    await app.register(tasksPlugin, { store, prefix: '/jobs' })
    t.equal((await app.inject('/jobs')).statusCode, 200, what)
  }
})

t.test('the dashboard rejects if its path is taken', async (t) => {
  const { app } = await createHost(t)
  app.get('/page', answer)
  await t.rejects(async () => { await app.register(tasksDashboard, { prefix: '/page' }) }, { code: 'FST_ERR_DUPLICATED_ROUTE' })
})

t.test('an inner scope may have the decorators that an outer one has', async (t) => {
  const { app, store } = await createHost(t)
  app.decorate('tasks', 'of the host' as never)
  app.decorateReply('taskEvents', answer as never)
  await app.register(async (scope) => {
    await scope.register(fastifySSE)
    await scope.register(tasksPlugin, { store })
    await scope.tasks.create({ command: 'true' })
  })
  t.equal((await app.inject('/api/tasks')).json().length, 1)
  t.equal(app.tasks as unknown, 'of the host')
})
