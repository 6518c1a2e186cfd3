import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { tasksPlugin, type TasksPluginOptions } from '../../lib/index.ts'
import { publicPath } from '../../lib/routes/public-path.ts'
import { post, putTask, startServer, temporaryDirectory } from '../helpers.ts'

/** Starts a host that a test has prepared. @returns its origin */
async function startHost (t: Test, app: FastifyInstance, options: TasksPluginOptions): Promise<string> {
  t.teardown(() => app.close())
  await app.register(tasksPlugin, options)
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

/** Requests to every route, with the status of the answer. */
const REQUESTS: ReadonlyArray<readonly [method: string, path: string, status: number, body?: string]> = [
  ['GET', '', 200],
  ['HEAD', '', 200],
  ['GET', '/task_1_a', 200],
  ['HEAD', '/task_1_a', 200],
  ['GET', '/task_9_none', 404],
  ['GET', '/x', 400],
  ['POST', '', 201, '{"command":"true","id":"task_2_b"}'],
  ['POST', '', 200, '{"command":"true","id":"task_2_b"}'],
  ['POST', '', 400, '{"command":5}'],
  ['POST', '', 400, '{'],
  ['POST', '', 413, `{"command":"${'x'.repeat(2_000_000)}"}`],
  ['POST', '/task_1_a/cancel', 202],
  ['POST', '/task_2_b/cancel', 200],
  ['POST', '/task_2_b/cancel', 409],
  ['DELETE', '/task_2_b', 200],
  ['DELETE', '/task_1_a', 409],
  ['GET', '/task_1_a/log', 404],
  ['HEAD', '/task_1_a/log', 404],
  ['GET', '/task_1_a/log/search?q=x', 200],
  ['GET', '/task_1_a/log?position=x', 400],
  ['GET', '/_meta/health', 200],
  ['GET', '/_meta/types', 200],
  ['GET', '/events', 200],
  ['HEAD', '/events', 200],
  ['GET', '/task_1_a/log/events', 200],
  ['HEAD', '/task_1_a/log/events', 200],
  ['GET', '/task_1_a/log?follow=true', 200]
]

t.test('no hook or serializer of the host changes an answer: they are those of a host without any', async (t) => {
  const answers = async (prepare: (app: FastifyInstance) => unknown) => {
    const dir = await temporaryDirectory(t)
    await putTask(dir, 'task_1_a', { status: 'running', createdAt: '2001-01-01T00:00:00Z', startedAt: null })
    const app = Fastify()
    prepare(app)
    const url = `${await startHost(t, app, { dir })}/api/tasks`
    const all: unknown[] = []
    for (const [method, path, status, body] of REQUESTS) {
      if (/events|follow|health/.test(path)) continue
      const response = await fetch(`${url}${path}`, { method, ...(body && { body, headers: { 'content-type': 'application/json' } }) })
      const text = await response.text()
      t.equal(response.status, status, `${method} ${path}`)
      all.push([method, path, response.status, response.headers.get('content-type'), text.replace(/"(createdAt|completedAt)": ?"[^"]*"/g, '')])
    }
    t.match(await (await fetch(`${url}/_meta/health`)).json(), { processorAlive: false, problems: Array })
    return all
  }
  const plain = await answers(() => {})
  t.strictSame(await answers((app) => {
    app.addHook('preSerialization', async (_request, _reply, payload) => ({ wrapped: payload }))
    app.setReplySerializer((payload) => JSON.stringify({ serialized: payload }))
  }), plain)
})

t.test('an onSend hook of the host gets the bytes of every answer', async (t) => {
  const dir = await temporaryDirectory(t)
  const app = Fastify()
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-bytes', typeof payload === 'string' || Buffer.isBuffer(payload) ? Buffer.byteLength(payload) : -1)
    return payload
  })
  const url = `${await startHost(t, app, { dir })}/api/tasks`
  for (const path of ['', '/task_1_a', '/_meta/types', '/_meta/health']) {
    const response = await fetch(`${url}${path}`)
    t.equal(response.headers.get('x-bytes'), String((await response.arrayBuffer()).byteLength), path)
  }
})

t.test('every answer has `x-content-type-options: nosniff`, also one that a hook of the host gives', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const app = Fastify()
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (headers.deny !== undefined) return await reply.code(401).send({ statusCode: 401, error: 'Unauthorized', message: 'no' })
  })
  const url = `${await startHost(t, app, { dir })}/api/tasks`
  const check = async (label: string, status: number, init?: RequestInit, path = '') => {
    const abort = new AbortController()
    const response = await fetch(`${url}${path}`, { ...init, signal: abort.signal })
    t.strictSame([response.status, response.headers.get('x-content-type-options')], [status, 'nosniff'], label)
    abort.abort()
  }
  for (const [method, path, status, body] of REQUESTS) {
    await check(`${method} ${path} ${body?.slice(0, 40) ?? ''}`, status, { method, ...(body && { body, headers: { 'content-type': 'application/json' } }) }, path)
  }
  await check('a list that has not changed', 304, { headers: { 'if-none-match': '*' } })
  await check('a request that a hook rejects', 401, { headers: { deny: '1' } })
})

t.test('the client gets the next page from a link that a proxy has moved', async (t) => {
  const { url } = await startServer(t, { dir: await temporaryDirectory(t) })
  for (const id of ['task_1_a', 'task_2_b', 'task_3_c']) await post(url, { command: 'true', id })
  const link = (await fetch(`${url}?limit=1&status=queued`)).headers.get('link')
  t.match(link, /^<\?limit=1&before=[\w-]+&status=queued>; rel="next"$/, 'a reference relative to the URL of the request')
  for (const moved of ['/elsewhere', 'https://public.example/base/tasks/']) {
    const client = new TasksClient(url, {
      fetch: async (input, init) => {
        const response = await fetch(input, init)
        const headers = new Headers(response.headers)
        headers.set('link', `<https://other.example/?before=x>; rel="prev", ${headers.get('link')?.replace('<', `<${moved}`) ?? ''}`)
        return new Response(response.body, { status: response.status, headers })
      }
    })
    const first = await client.list({ limit: 2 })
    const second = await client.list({ limit: 2, before: first.next })
    t.equal(new Set([...first.tasks, ...second.tasks].map(({ id }) => id)).size, 3, moved)
  }
})

/** Sends one request as it is given, and returns the answer's status and `Location`. */
async function locationOf (origin: string, path: string): Promise<[status: number | undefined, location: string | undefined]> {
  const sent = request({ host: '127.0.0.1', port: new URL(origin).port, path, method: 'POST', agent: false, headers: { 'content-type': 'application/json' } })
  sent.end('{"command":"true","id":"task_1_a"}')
  const [response] = await once(sent, 'response')
  response.resume()
  return [response.statusCode, response.headers.location]
}

t.test('`Location` is the path below which the client sent its request, percent-encoded', async (t) => {
  const table: Array<[prefix: string, path: string, location: string]> = [
    ['/api/tasks', '/api/tasks', '/api/tasks/task_1_a'],
    ['/api/tasks', '/api/tasks/', '/api/tasks/task_1_a'],
    ['/', '/', '/task_1_a'],
    ['/', '/?x=/y', '/task_1_a'],
    ['/täsks/進捗', '/t%C3%A4sks/%E9%80%B2%E6%8D%97', '/t%C3%A4sks/%E9%80%B2%E6%8D%97/task_1_a'],
    ['/with space', '/with%20space', '/with%20space/task_1_a'],
    ['/:tenant/tasks', '/acme/tasks', '/acme/tasks/task_1_a'],
    ['/:tenant/tasks', '/a%2Fb%0d%0aX:1/tasks', '/a%2Fb%0d%0aX:1/tasks/task_1_a'],
    ['/:tenant/tasks', '/<a>"\\/tasks', '/%3Ca%3E%22%5C/tasks/task_1_a'],
    ['/users/:id/tasks', '/users/7/tasks', '/users/7/tasks/task_1_a'],
    ['/:year(^\\d+$)-:month/tasks', '/2024-05/tasks', '/2024-05/tasks/task_1_a'],
    ['/api/tasks', 'http://public.example/api/tasks', '/api/tasks/task_1_a']
  ]
  for (const [prefix, path, location] of table) {
    const origin = await startHost(t, Fastify(), { dir: await temporaryDirectory(t), prefix })
    t.strictSame(await locationOf(origin, path), [201, location], `${prefix}: POST ${path}`)
    const found = await fetch(`${origin}${location}`)
    t.match([found.status, await found.json()], [200, { id: 'task_1_a' }], `GET ${location}`)
    t.strictSame(await locationOf(origin, path), [200, location], 'again')
  }
})

t.test('publicPath encodes every byte that a path must not contain', async (t) => {
  // HTTP/2 clients may send such bytes; Node.js decodes them as Latin-1
  t.equal(publicPath('/gr\xc3\xbcn/%20/a;b=c,d:@/?é#é'), '/gr%C3%BCn/%20/a;b=c,d:@')
  for (let code = 0; code < 256; code++) t.match(publicPath(`/${String.fromCharCode(code)}`), /^(\/([\w\-.~!$&'()*+,;=:@%]|%[\dA-F]{2}))?$/, `byte ${code}`)
})

t.test('`Location` never names another host', async (t) => {
  const app = Fastify({ routerOptions: { ignoreDuplicateSlashes: true } })
  const origin = await startHost(t, app, { dir: await temporaryDirectory(t), prefix: '/evil.example/tasks' })
  t.strictSame(await locationOf(origin, '//evil.example/tasks'), [201, '/evil.example/tasks/task_1_a'])
})

t.test('`Location` is the public path of a host that rewrites URLs', async (t) => {
  const app = Fastify({ rewriteUrl: ({ url }) => url!.replace(/^\/public/, '/api') })
  const origin = await startHost(t, app, { dir: await temporaryDirectory(t) })
  t.strictSame(await locationOf(origin, '/public/tasks?x'), [201, '/public/tasks/task_1_a'])
})

t.test('no request adds a header to its answer', async (t) => {
  const { url } = await startServer(t, { dir: await temporaryDirectory(t), prefix: '/:tenant/tasks' })
  const port = Number(new URL(url).port)
  const injected = '%0d%0aset-cookie:%20x=1'
  const body = '{"command":"true"}'
  for (const [method, path] of [['POST', `/a${injected}/tasks`], ['GET', `/a/tasks?limit=1&before=${injected}`], ['GET', `/a/tasks?status=${injected}`], ['GET', `/a/tasks/events?lastEventId=${injected}`]]) {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLast-Event-ID: ${injected}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const [head] = String((await once(socket, 'data'))[0]).split('\r\n\r\n')
    t.match(head, /^HTTP\/1\.1 [24]\d\d /, path!)
    t.notMatch(head, /\nset-cookie/i)
  }
})

t.test('a task whose file cannot be read can be deleted by force only, and the answers say so', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await writeFile(join(dir, 'task_1_a.json'), '{bad')
  const message = 'The file of task task_1_a cannot be read, so its status is unknown. Repair the file, or delete the task with force=true.'
  for (const [path, method] of [['task_1_a', 'DELETE'], ['task_1_a/cancel', 'POST']] as const) {
    const response = await fetch(`${url}/${path}`, { method })
    t.match([response.status, await response.json()], [409, { code: 'FST_TASKS_UNREADABLE', message }], `${method} ${path}`)
  }
  t.match(await (await post(url, { id: 'task_1_a', command: 'true' })).json(), { code: 'FST_TASKS_ID_TAKEN' })
  t.equal((await fetch(`${url}/task_1_a?force=true`, { method: 'DELETE' })).status, 200)
  t.notOk(existsSync(join(dir, 'task_1_a.json')))
})
