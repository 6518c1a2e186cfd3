import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { putTask } from '../helpers.ts'
import { clientWithTask, emptyClient, type ClientOfServer } from './fixtures.ts'
import { Items } from './items.ts'
import type { Interference } from './relay.ts'

/** Cuts off the JSON of the first `count` responses. */
function cutResponses (count: number): Interference {
  let cuts = 0
  return (request, response) => {
    if (cuts++ >= count) return false
    request.resume()
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
    response.write('[{"id":', () => response.destroy())
    return true
  }
}

t.test('list is repeated after an incomplete response', async (t) => {
  const { client } = await clientWithTask(t, { interfere: cutResponses(2) })
  t.equal((await client.list()).tasks.length, 1)
})

t.test('create is repeated after an incomplete response, and creates one task', async (t) => {
  const { dir, client } = await emptyClient(t, { interfere: cutResponses(2) })
  const { task } = await client.create({ command: 'true' })
  t.strictSame((await readdir(dir)).filter((name) => name.endsWith('.json')), [`${task.id}.json`])
})

t.test('a login page instead of a response rejects after one request', async (t) => {
  let pages = 0
  const { client } = await clientWithTask(t, {
    interfere: ({ url }, response) => {
      if (url === '/api/tasks') return false
      pages++
      response.writeHead(200, { 'content-type': 'text/html' }).end('<form>Log in</form>')
      return true
    }
  })
  const unexpected = { name: 'TasksError', statusCode: 200, code: undefined, message: /did not come from the tasks API/ }
  await t.rejects(client.get('task_1_a'), unexpected)
  await t.rejects(client.followLog('task_1_a').next(), unexpected)
  const changes = client.watch()[Symbol.asyncIterator]()
  await changes.next()
  await t.rejects(changes.next(), unexpected)
  t.equal(pages, 3)
})

t.test('a 401 rejects every method after one request, even in a connected collection', async (t) => {
  let token = 'good'
  let requests = 0
  const { client } = await clientWithTask(t, {
    client: { headers: async () => ({ authorization: `Bearer ${token}` }) },
    server: {
      onRequest: async (request, reply) => {
        requests++
        if (request.headers.authorization !== 'Bearer good') return await reply.code(401).send({ statusCode: 401, code: 'NO', error: 'Unauthorized', message: 'The token is invalid.' })
      }
    }
  })
  t.equal((await client.list()).tasks.length, 1)
  const live = client.watch({ logs: true })
  t.teardown(() => live.close())
  const changes = live[Symbol.asyncIterator]()
  t.match((await changes.next()).value, { type: 'snapshot' })
  token = 'bad'
  requests = 0
  const refused = { name: 'TasksError', statusCode: 401, code: 'NO', message: 'The token is invalid.' }
  await t.rejects(changes.next(), refused)
  await t.rejects(client.list(), refused)
  await t.rejects(client.create({ command: 'true' }), refused)
  await t.rejects(client.readLog('task_1_a'), refused)
  await t.rejects(client.followLog('task_1_a').next(), refused)
  t.equal(requests, 5)
})

/** A server behind a proxy. While `isDown`, the proxy answers 404 with its own page. */
class ProxiedServer {
  isDown = false
  readonly #cuts = new Set<() => void>()

  readonly interfere: Interference = ({ url }, response) => {
    if (url!.includes('events')) this.#cuts.add(() => response.destroy())
    if (this.isDown) response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>default backend</h1>')
    return this.isDown
  }

  /** Stops the server and closes its connections. */
  stop (): void {
    this.isDown = true
    for (const cut of this.#cuts) cut()
  }
}

t.test('a collection reconnects while a proxy answers 404 for its server', async (t) => {
  const server = new ProxiedServer()
  const { client } = await clientWithTask(t, { interfere: server.interfere })
  const live = client.watch()
  t.teardown(() => live.close())
  const changes = new Items(live[Symbol.asyncIterator]())
  await changes.find(({ type }) => type === 'connected')
  server.stop()
  t.match(await changes.next(), { type: 'disconnected' })
  t.match(await changes.next(), { type: 'disconnected', error: { statusCode: 404 } })
  server.isDown = false
  t.match(await changes.find(({ type }) => type === 'connected'), { type: 'connected' })
})

t.test('a followed log does not end while a proxy answers 404 for its server', async (t) => {
  const server = new ProxiedServer()
  const { dir, client } = await clientWithTask(t, { interfere: server.interfere, log: 'one\n' })
  const log = new Items(client.followLog('task_1_a'))
  t.match(await log.next(), { offset: 0 })
  server.stop()
  const end = log.end()
  server.isDown = false
  await putTask(dir, 'task_1_a', { status: 'completed' })
  t.strictSame(await end, { status: 'completed' })
})

t.test('a 404 of a proxy rejects calls that have not succeeded before', async (t) => {
  const server = new ProxiedServer()
  const { client } = await clientWithTask(t, { interfere: server.interfere, log: 'one\n' })
  server.stop()
  await t.rejects(client.get('task_1_a'), { statusCode: 404, code: undefined })
  await t.rejects(client.readLog('task_1_a'), { name: 'TasksError', statusCode: 404 })
  await t.rejects(client.followLog('task_1_a').next(), { name: 'TasksError', statusCode: 404 })
})

t.test('a collection does not read the whole body from a server that ignores Range', async (t) => {
  const { client } = await clientWithTask(t, {
    log: Buffer.alloc(50 * 1024 * 1024, 'x'),
    interfere: (request) => {
      delete request.headers.range
      return false
    }
  })
  const changes = client.watch({ logs: true })[Symbol.asyncIterator]()
  await changes.next()
  await changes.next()
  const before = process.memoryUsage().rss
  await t.rejects(changes.next(), { name: 'TasksError', statusCode: 200, message: /range/ })
  const growth = process.memoryUsage().rss - before
  t.ok(growth < 40 * 1024 * 1024, `${growth} bytes`)
})

t.test('readLog of a range rejects if the server ignores Range', async (t) => {
  const { client } = await clientWithTask(t, {
    log: 'text',
    interfere: (request) => {
      delete request.headers.range
      return false
    }
  })
  await t.rejects(client.readLog('task_1_a', { end: 2 }), { message: /no Content-Range header/ })
})

/** A client that does not see one of the response headers, as in a page of another origin. */
async function clientWithoutHeader (t: Parameters<typeof clientWithTask>[0], name: string): Promise<ClientOfServer> {
  return await clientWithTask(t, {
    log: 'text',
    client: {
      fetch: async (...parameters) => {
        const response = await fetch(...parameters)
        const headers = new Headers(response.headers)
        headers.delete(name)
        return new Response(response.body, { status: response.status, headers })
      }
    }
  })
}

t.test('watch names the header that the server does not expose', async (t) => {
  const { client } = await clientWithoutHeader(t, 'last-event-id')
  await t.rejects(client.watch()[Symbol.asyncIterator]().next(), { message: /no Last-Event-ID header.*exposedHeaders/ })
})

t.test('readLog with tail names the header that the server does not expose', async (t) => {
  const { client } = await clientWithoutHeader(t, 'log-position')
  await t.rejects(client.readLog('task_1_a', { tail: 1 }), { message: /no Log-Position header.*exposedHeaders/ })
})

t.test('followLog restarts a log that was rewritten to the same size while the server was down', async (t) => {
  let isDown = false
  let cut: () => void = () => {}
  const { dir, client } = await clientWithTask(t, {
    log: 'progress 10%\n',
    interfere: ({ url }, response) => {
      if (url!.includes('events')) cut = () => response.destroy()
      if (isDown) response.destroy()
      return isDown
    }
  })
  const log = new Items(client.followLog('task_1_a'))
  t.match(await log.next(), { offset: 0, bytes: Buffer.from('progress 10%\n') })
  isDown = true
  cut()
  const next = log.next()
  await writeFile(join(dir, 'task_1_a.log'), 'progress 20%\n')
  isDown = false
  t.match(await next, { truncated: true })
  t.match(await log.next(), { offset: 0, bytes: Buffer.from('progress 20%\n') })
  await log.leave({ status: null })
})
