import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { connect, constants as http2 } from 'node:http2'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fastifySSE } from '@fastify/sse'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { DirectoryStore, tasksPlugin } from '../lib/index.ts'
import { EventStream, openFeed, post, putTask, startServer, temporaryDirectory, waitFor } from './helpers.ts'

async function boot (app: FastifyInstance, options: unknown): Promise<void> {
  await app.register(tasksPlugin, options as never)
}

t.test('registration rejects invalid options with the fix', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const [options, message] of [
    [{}, 'Neither dir nor store is set. Register the plugin with { dir: "/path/of/the/tasks" }, or with { store }.'],
    [{ dir, store: {} }, 'Both dir and store are set. Register the plugin with { dir: "/path/of/the/tasks" }, or with { store }.'],
    ['/tmp', 'options must be an object, not \'/tmp\'.'],
    [{ dir: '' }, 'dir must be the path of a directory, not \'\'.'],
    [{ dir: 5 }, 'dir must be the path of a directory, not 5.'],
    [{ store: {} }, 'store must be a TaskStore, not {}.'],
    [{ dir, prefix: 'api' }, 'prefix must be a path that starts with /, not \'api\'.'],
    [{ dir, maxClients: 0 }, 'maxClients must be a positive integer, not 0.'],
    [{ dir, onRequest: 'no' }, 'onRequest must be a function or an array of functions, not \'no\'.'],
    [{ dir, readOnly: 1 }, 'readOnly must be a boolean, not 1.']
  ] as const) {
    const app = Fastify()
    t.teardown(() => app.close())
    await t.rejects(boot(app, options), { code: 'FST_TASKS_OPTIONS', message: `fastify-tasks: ${message}` }, JSON.stringify(options))
  }
})

t.test('registration rejects unknown options and invalid values with the fix; Fastify\'s own options are accepted', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const [options, message] of [
    [{ dir, readonly: true }, 'readonly is not an option. Did you mean readOnly?'],
    [{ directory: dir }, 'directory is not an option. Did you mean dir?'],
    [{ dir, onrequest: () => {} }, 'onrequest is not an option. Did you mean onRequest?'],
    [{ dir, token: 'x' }, 'token is not an option. The options are dir, store, prefix, readOnly, onRequest, maxClients, maxClientsPerAddress, clientBufferBytes, logLevel, logSerializers.'],
    [{ dir, onRequest: async (_request: unknown, _reply: unknown, _done: unknown) => {} }, 'onRequest must not have a third parameter (done) if it is async.']
  ] as const) {
    const app = Fastify()
    t.teardown(() => app.close())
    await t.rejects(boot(app, options), { code: 'FST_TASKS_OPTIONS', message: `fastify-tasks: ${message}` }, message)
  }

  const lines: string[] = []
  const { url } = await startServer(t, { dir, logLevel: 'warn', logSerializers: {} } as never, { logger: { stream: { write: (line: string) => { lines.push(line) } } } })
  t.equal((await fetch(url)).status, 200)
  t.notOk(lines.some((line) => line.includes('incoming request')), 'logLevel applies to the routes')
})

t.test('registration creates the directory and its parents', async (t) => {
  const dir = join(await temporaryDirectory(t), 'a', 'b')
  const { url } = await startServer(t, { dir })
  t.strictSame(await (await fetch(url)).json(), [])
})

t.test('registration rejects a directory where none can be created', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(boot(app, { dir: '/proc/a/b' }), { code: 'FST_TASKS_DIRECTORY', message: /\/proc\/a\/b.*ENOENT/ })
})

t.test('registration rejects an unusable directory with its path', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'file'), '')
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(boot(app, { dir: join(dir, 'file', 'tasks') }), { code: 'FST_TASKS_DIRECTORY', message: new RegExp(`${dir}/file/tasks.*ENOTDIR`) })
})

t.test('a directory without permissions is rejected; one that loses them keeps its last known tasks, and recovers', async (t) => {
  if (process.getuid?.() !== 0) {
    t.pass('needs another user', { skip: 'not root' })
    return
  }
  const dir = await temporaryDirectory(t)
  await chmod(dir, 0o755)
  await mkdir(join(dir, 'closed'))
  const script = `
    import Fastify from 'fastify'
    import { tasksPlugin } from 'fastify-tasks'
    const app = Fastify()
    try {
      await app.register(tasksPlugin, { dir: process.argv[1] })
      await app.tasks.list()
      process.on('message', async () => { process.send([(await app.tasks.list()).tasks.length, (await app.tasks.health()).problems.map(({ code }) => code)]) })
      process.send('ready')
    } catch (error) {
      process.send(error.code + ' ' + error.message)
    }`
  const start = () => {
    const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', script, join(dir, 'closed')], { uid: 65534, gid: 65534, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    t.teardown(() => child.kill())
    return child
  }
  t.match((await once(start(), 'message'))[0], /^FST_TASKS_DIRECTORY .*closed.*EACCES/)

  await chmod(join(dir, 'closed'), 0o777)
  await putTask(join(dir, 'closed'), 'task_1_a')
  await chmod(join(dir, 'closed', 'task_1_a.json'), 0o644)
  const child = start()
  t.equal((await once(child, 'message'))[0], 'ready')
  const ask = async () => {
    const answer = once(child, 'message')
    child.send('?')
    return (await answer)[0] as [number, string[]]
  }
  await chmod(join(dir, 'closed'), 0)
  await waitFor(async () => (await ask())[1].includes('directory-unreadable'))
  t.equal((await ask())[0], 1, 'the last known tasks are still listed')
  await chmod(join(dir, 'closed'), 0o777)
  await waitFor(async () => !(await ask())[1].includes('directory-unreadable'))
  t.equal((await ask())[0], 1)
})

t.test('views sharing a store see the same tasks, honour readOnly, and close it with the last view', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  const view = Fastify()
  await view.register(tasksPlugin, { store: app.tasks.store, readOnly: true, prefix: '/public' })
  const origin = await view.listen({ port: 0, host: '127.0.0.1' })
  const feed = await openFeed(`${origin}/public`)
  const { id } = await (await post(url, { command: 'true' })).json() as { id: string }
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === id)
  t.equal((await post(`${origin}/public`, { command: 'true' })).status, 404)
  t.match(await (await fetch(`${origin}/public`)).json(), [{ id }])
  await view.close()
  t.equal((await (await fetch(url)).json() as unknown[]).length, 1, 'the first view still works')
})

t.test('one scope can have two views of a store, and another scope another directory', async (t) => {
  const [first, second] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir: first })
  await app.register(tasksPlugin, { store: app.tasks.store, prefix: '/view' })
  await app.register(async (scope) => {
    await scope.register(tasksPlugin, { dir: second, prefix: '/second' })
    t.not(scope.tasks, app.tasks)
    await scope.tasks.create({ command: 'true', id: 'task_2_second' })
  })
  await app.tasks.create({ command: 'true', id: 'task_1_first' })
  t.match(await (await app.inject('/view')).json(), [{ id: 'task_1_first' }])
  t.match(await (await app.inject('/second')).json(), [{ id: 'task_2_second' }])
})

t.test('registration rejects a second directory in one scope', async (t) => {
  const [first, second] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  const clash = Fastify()
  t.teardown(() => clash.close())
  clash.register(tasksPlugin, { dir: first })
  await t.rejects(boot(clash, { dir: second, prefix: '/b' }), { code: 'FST_TASKS_ALREADY_REGISTERED' })
})

t.test('an onRequest hook can decide by the route\'s action', async (t) => {
  const dir = await temporaryDirectory(t)
  const seen: unknown[] = []
  const { url } = await startServer(t, {
    dir,
    onRequest: async (request, reply) => {
      const action = request.routeOptions.config.tasks?.action
      seen.push(action)
      if (action !== 'list') return await reply.code(401).send({ statusCode: 401, code: 'NO', error: 'Unauthorized', message: 'no' })
    }
  })
  t.equal((await fetch(url)).status, 200)
  for (const [method, path] of [['GET', '/task_1_a'], ['POST', ''], ['POST', '/task_1_a/cancel'], ['DELETE', '/task_1_a'], ['GET', '/task_1_a/log'], ['GET', '/events'], ['GET', '/_meta/health'], ['GET', '/_meta/types']]) {
    const response = await fetch(`${url}${path}`, { method: method! })
    t.match([response.status, await response.json()], [401, { code: 'NO' }], `${method} ${path}`)
  }
  t.strictSame(seen, ['list', 'read', 'create', 'cancel', 'delete', 'log', 'events', 'health', 'types'])
})

t.test('the routes are unaffected by the host\'s compilers, ajv options, parsers and @fastify/sse', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_odd', { exitCode: '1', command: 5, status: ['x'], createdAt: 7, config: { big: [1.50] } })
  const app = Fastify({ ajv: { customOptions: { coerceTypes: 'array', removeAdditional: 'all', strict: true } } })
  t.teardown(() => app.close())
  // as fastify-type-provider-zod does with a schema that is not its own
  app.setValidatorCompiler(({ schema }) => { throw new TypeError(`${JSON.stringify(schema)}.safeParse is not a function`) })
  app.setSerializerCompiler(() => { throw new TypeError('not a zod schema') })
  app.removeAllContentTypeParsers()
  await app.register(fastifySSE, { heartbeatInterval: 5 })
  await app.register(swagger)
  await app.register(tasksPlugin, { dir })
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/api/tasks`
  t.match(await (await fetch(url)).json(), [{ id: 'task_1_odd', exitCode: null, command: '', status: 'unknown' }])
  t.match(await (await post(url, { command: 5 })).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
  t.match(await (await post(url, { command: 'true', extra: 1 })).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
  t.equal((await fetch(`${url}/task_1_odd/cancel`, { method: 'POST', headers: { 'content-type': 'application/json' } })).status, 409, 'an empty body counts as none')
  t.equal((await fetch(`${url}/task_1_odd?force=1`, { method: 'DELETE' })).status, 200)
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await post(url, { command: 'true' })
  await feed.find(({ event }) => event === 'task.upsert')
  t.match(app.swagger(), { paths: { '/api/tasks/': { get: {}, post: {} }, '/api/tasks/{id}/cancel': {} } })
})

t.test('reply.taskEvents() rejects a route without SSE with the fix', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifySSE)
  await app.register(tasksPlugin, { dir: await temporaryDirectory(t) })
  app.get('/wrong', async (_request, reply) => { await reply.taskEvents() })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  t.match(await (await fetch(`${origin}/wrong`)).json(), { statusCode: 500, code: 'FST_TASKS_NOT_AN_SSE_ROUTE', message: /sse: \{ kind: 'only', heartbeat: false \}/ })
})

t.test('reply.taskEvents() sends only matching tasks, and a deletion when a task stops matching', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifySSE)
  await app.register(tasksPlugin, { dir: await temporaryDirectory(t) })
  app.get('/mine', { sse: { kind: 'only', heartbeat: false } }, async (_request, reply) => {
    await reply.taskEvents({ where: (task) => task.app === 'mine' && task.status === 'queued', logs: false })
  })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  await app.tasks.create({ command: 'true', app: 'mine', id: 'task_1_mine' })
  const feed = await new EventStream(`${origin}/mine`).open()
  t.teardown(() => feed.close())
  await feed.find(({ event }) => event === 'ready')
  await app.tasks.create({ command: 'true', app: 'other', id: 'task_2_other' })
  await app.tasks.cancel('task_2_other')
  await app.tasks.cancel('task_1_mine')
  await app.tasks.create({ command: 'true', app: 'mine', id: 'task_3_mine' })
  await feed.find(({ data }) => data.id === 'task_3_mine')
  t.strictSame(feed.messages.slice(1).map(({ event, data }) => [event, data.id]), [['task.deleted', 'task_1_mine'], ['task.upsert', 'task_3_mine']])
})

t.test('a task that starts to match a filter is preceded by the size of its log', async (t) => {
  const dir = await temporaryDirectory(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifySSE)
  await app.register(tasksPlugin, { dir })
  app.get('/done', { sse: { kind: 'only', heartbeat: false } }, (_request, reply) => reply.taskEvents({ where: ({ status }) => status === 'completed' }))
  const feed = await new EventStream(`${await app.listen({ port: 0, host: '127.0.0.1' })}/done`).open()
  t.teardown(() => feed.close())
  await app.tasks.create({ command: 'true', id: 'task_1_a' })
  await writeFile(join(dir, 'task_1_a.log'), 'twelve bytes')
  await putTask(dir, 'task_1_a', { status: 'completed' })
  await feed.find(({ event }) => event === 'task.upsert')
  t.match(feed.messages.slice(1), [{ event: 'task.log', data: { offset: 12, end: 12, chunk: '' } }, { event: 'task.upsert' }])
})

t.test('close() resolves promptly while streams are open', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  const feeds = await Promise.all(Array.from({ length: 20 }, () => openFeed(url)))
  // one client does not read
  feeds[0]!.pause()
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 1500, 'within the second that streams have to end')
})

t.test('close() resolves promptly while an HTTP/2 stream is open', async (t) => {
  const dir = await temporaryDirectory(t)
  const modern = Fastify({ http2: true })
  await modern.register(tasksPlugin, { dir })
  const session = connect(await modern.listen({ port: 0, host: '127.0.0.1' }))
  const stream = session.request({ [http2.HTTP2_HEADER_PATH]: '/api/tasks/events' })
  const [headers] = await once(stream, 'response')
  t.match(headers, { ':status': 200, 'content-type': 'text/event-stream' })
  stream.setEncoding('utf8')
  t.match((await once(stream, 'data'))[0], /event: ready/)
  stream.resume()
  const again = performance.now()
  await modern.close()
  t.ok(performance.now() - again < 1500)
})

t.test('fastify.tasks emits the life of a task in order, and follows its log', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app } = await startServer(t, { dir })
  const events: string[] = []
  app.tasks.on('task.upsert', ({ task }) => events.push(`upsert ${task.status}`))
  app.tasks.on('task.deleted', ({ taskId }) => events.push(`deleted ${taskId}`))
  app.tasks.on('task.log', ({ chunk }) => events.push(`log ${chunk}`))
  await t.rejects(app.tasks.create({ command: ' ' }), { code: 'FST_TASKS_VALIDATION' })
  await t.rejects(app.tasks.create({ command: 'true', id: '../../etc' }), { code: 'FST_TASKS_VALIDATION' })
  t.equal(await app.tasks.readLog('../../../etc/passwd'), undefined)
  await t.rejects(app.tasks.cancel('../x'), { code: 'FST_TASKS_NOT_FOUND' })
  await t.rejects(app.tasks.delete('../x', { force: true }), { code: 'FST_TASKS_NOT_FOUND' })
  const { task: { id } } = await app.tasks.create({ command: 'true' })
  const logged = once(app.tasks, 'task.log')
  const followed = (async () => {
    let text = ''
    for await (const chunk of app.tasks.followLog(id)) text += chunk
    return text
  })()
  await putTask(dir, id, { status: 'running' })
  await writeFile(join(dir, `${id}.log`), 'out\n')
  await logged
  await writeFile(join(dir, `${id}.log`), 'more\n', { flag: 'a' })
  await putTask(dir, id, { status: 'completed' })
  t.equal(await followed, 'out\nmore\n')
  await app.tasks.delete(id)
  t.strictSame(events, ['upsert queued', 'upsert running', 'log out\n', 'log more\n', 'upsert completed', `deleted ${id}`])
})

t.test('a log follower that is waiting ends when its consumer returns', async (t) => {
  const { app } = await startServer(t, { dir: await temporaryDirectory(t) })
  await app.tasks.create({ command: 'true', id: 'task_1_a' })
  const waiting = app.tasks.followLog('task_1_a')
  const next = waiting.next()
  await waiting.return()
  t.strictSame(await next, { value: undefined, done: true })
})

t.test('a log follower of a task that does not exist rejects', async (t) => {
  const { app } = await startServer(t, { dir: await temporaryDirectory(t) })
  await t.rejects(app.tasks.followLog('task_1_a').next(), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('a log follower yields the new content of a rewritten log', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app } = await startServer(t, { dir })
  await app.tasks.create({ command: 'true', id: 'task_1_a' })
  const chunks: string[] = []
  const followed = (async () => { for await (const chunk of app.tasks.followLog('task_1_a')) chunks.push(String(chunk)) })()
  await writeFile(join(dir, 'task_1_a.log'), 'AAAA\n')
  await waitFor(() => chunks.join('') === 'AAAA\n', { describe: () => chunks })
  await writeFile(join(dir, 'task_1_a.log'), 'BBBBBBBBBB\n')
  await waitFor(() => chunks.join('') === 'AAAA\nBBBBBBBBBB\n', { describe: () => chunks })
  await app.close()
  await followed
})

t.test('close() ends log followers, also those that a route of the host responds with', async (t) => {
  const dir = await temporaryDirectory(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  app.get('/follow/:id', (request, reply) => reply.send(Readable.from(app.tasks.followLog((request.params as { id: string }).id))))
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  await app.tasks.create({ command: 'true', id: 'task_1_a' })
  await putTask(dir, 'task_1_a', { status: 'running' })
  await writeFile(join(dir, 'task_1_a.log'), 'AAAA\n')
  const chunks: string[] = []
  const followed = (async () => { for await (const chunk of app.tasks.followLog('task_1_a')) chunks.push(String(chunk)) })()
  await waitFor(() => chunks.join('') === 'AAAA\n', { describe: () => chunks })
  // without an agent the connection closes with the response, and not after the keep-alive timeout
  const [response] = await once(get(`${origin}/follow/task_1_a`, { agent: false }), 'response') as [IncomingMessage]
  response.resume()
  const responseEnded = once(response, 'close')
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 1500, `${performance.now() - started} ms`)
  await followed
  await responseEnded
})

t.test('an HTTP/2 client that disconnects during admission does not delay close()', async (t) => {
  const dir = await temporaryDirectory(t)
  const app = Fastify({ http2: true })
  await app.register(tasksPlugin, { dir })
  const list = app.tasks.store.list.bind(app.tasks.store)
  const asked = new Promise<void>((resolve) => {
    app.tasks.store.list = async (query) => {
      resolve()
      await left
      return await list(query)
    }
  })
  let leave!: () => void
  const left = new Promise<void>((resolve) => { leave = resolve })
  const session = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
  const stream = session.request({ [http2.HTTP2_HEADER_PATH]: '/api/tasks/events' })
  stream.on('error', () => {})
  await asked
  stream.close(http2.NGHTTP2_CANCEL)
  await once(stream, 'close')
  // after one round trip, the server has noticed the disconnect
  await new Promise((resolve) => session.ping(resolve))
  leave()
  app.tasks.store.list = list
  await waitFor(async () => (await app.inject('/api/tasks/_meta/health')).json().sseClients === 0)
  const started = performance.now()
  session.close()
  await app.close()
  t.ok(performance.now() - started < 1500)
})

t.test('a store can be opened again after it was closed', async (t) => {
  const dir = await temporaryDirectory(t)
  const store = new DirectoryStore(dir)
  for (let run = 1; run <= 2; run++) {
    const app = Fastify()
    await app.register(tasksPlugin, { store })
    const { task } = await app.tasks.create({ command: 'true' })
    t.match(await app.tasks.get(task.id), { id: task.id })
    t.equal((await app.tasks.list()).tasks.length, run)
    await app.close()
  }
})
