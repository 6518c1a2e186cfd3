import { once } from 'node:events'
import { appendFile } from 'node:fs/promises'
import { connect } from 'node:http2'
import { join } from 'node:path'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { tasksPlugin } from '../../lib/index.ts'
import { post, putTask, temporaryDirectory, waitFor } from '../helpers.ts'
import { checkClose, checkStreams, getFrom, getOver, type Streams } from './client.ts'

interface Host {
  readonly app: FastifyInstance
  readonly dir: string
  readonly origin: string
  readonly url: string
}

/** Starts a host. @param prepare registers other plugins, before the tasks */
async function startHost (t: Test, app: FastifyInstance, prepare: () => unknown = () => {}): Promise<Host> {
  const dir = await temporaryDirectory(t)
  t.teardown(() => app.close())
  await prepare()
  await app.register(tasksPlugin, { dir })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, dir, origin, url: `${origin}/api/tasks` }
}

/** Checks the headers of all responses, which include those that bypass Fastify's `send`. */
function checkHeaders (t: Test, streams: Streams, headers: Record<string, unknown>): void {
  for (const [name, answer] of Object.entries(streams)) t.match(answer.headers, headers, `${name} has the headers`)
}

t.test('@fastify/compress: JSON is compressed, logs and streams are neither compressed nor buffered', async (t) => {
  const app = Fastify()
  const { dir, url } = await startHost(t, app, () => app.register(compress, { global: true, threshold: 0 }))
  const get = getFrom(t, url, { 'accept-encoding': 'gzip, br' })
  const { feed, events, follow, log, list } = await checkStreams(t, get, dir)
  for (const { headers } of [feed, events, follow, log]) t.notOk(headers['content-encoding'])
  t.equal(log.headers['content-length'], '18')
  t.match(list.headers, { 'content-encoding': 'br', vary: /accept-encoding/ })
  const search = await (await get('/task_1_a/log/search?q=last')).end()
  t.match([search.headers['content-encoding'], search.json()], ['br', { matches: [{ offset: 18, line: 'the last one' }] }])
  const head = await fetch(`${url}/task_1_a/log`, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } })
  t.match([head.headers.get('content-length'), head.headers.get('content-encoding')], ['31', null])
  await checkClose(t, get, dir, () => app.close())
})

t.test('@fastify/cors: other origins may read the streams', async (t) => {
  const app = Fastify()
  const origin = 'https://page.example'
  const { dir, url } = await startHost(t, app, () => app.register(cors, {
    origin, methods: ['GET', 'POST', 'DELETE'], exposedHeaders: ['Last-Event-ID', 'Log-Position', 'ETag', 'Content-Range']
  }))
  const get = getFrom(t, url, { origin })
  checkHeaders(t, await checkStreams(t, get, dir), {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'Last-Event-ID, Log-Position, ETag, Content-Range'
  })
  for (const [method, path] of [['DELETE', '/task_1_a'], ['POST', ''], ['GET', '/events']] as const) {
    const preflight = await fetch(`${url}${path}`, {
      method: 'OPTIONS', headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'content-type' }
    })
    t.equal(preflight.status, 204)
    t.match(preflight.headers.get('access-control-allow-methods'), method)
    t.equal(preflight.headers.get('access-control-allow-origin'), origin)
  }
  await checkClose(t, get, dir, () => app.close())
})

t.test('@fastify/helmet: streams have its headers', async (t) => {
  const app = Fastify()
  const { dir, url } = await startHost(t, app, () => app.register(helmet))
  const get = getFrom(t, url)
  checkHeaders(t, await checkStreams(t, get, dir), {
    'content-security-policy': /default-src 'self'/, 'x-frame-options': 'SAMEORIGIN', 'x-content-type-options': 'nosniff'
  })
  await checkClose(t, get, dir, () => app.close())
})

t.test('@fastify/rate-limit: streams count against the limit; over it the client gets a JSON error', async (t) => {
  const app = Fastify()
  // checkStreams makes six requests
  const { dir, url } = await startHost(t, app, () => app.register(rateLimit, { max: 6, timeWindow: 60_000 }))
  const get = getFrom(t, url)
  const streams = await checkStreams(t, get, dir)
  checkHeaders(t, streams, { 'x-ratelimit-limit': '6', 'x-ratelimit-remaining': /^[0-5]$/ })
  t.equal(streams.feed.headers['x-ratelimit-remaining'], '5')
  for (const path of ['/events', '/task_1_a/log/events', '/task_1_a/log?follow=true', '']) {
    const rejected = await (await get(path)).end()
    t.match([rejected.status, rejected.headers], [429, { 'content-type': /^application\/json/, 'retry-after': /^\d+$/ }], path)
    t.match(rejected.json(), { statusCode: 429, error: 'Too Many Requests', message: /^Rate limit exceeded/ })
  }
  await putTask(dir, 'task_3_c')
  await streams.feed.until('task_3_c')
})

t.test('@fastify/under-pressure: a busy server rejects new streams with JSON, and keeps the open ones', async (t) => {
  const app = Fastify()
  let healthy = true
  const { dir, url } = await startHost(t, app, () => app.register(underPressure, { healthCheck: async () => healthy, healthCheckInterval: 10 }))
  const get = getFrom(t, url)
  const { feed } = await checkStreams(t, get, dir)
  healthy = false
  await waitFor(async () => (await (await get('')).end()).status === 503)
  for (const path of ['/events', '/task_1_a/log/events', '/task_1_a/log?follow=true']) {
    const rejected = await (await get(path)).end()
    t.match([rejected.status, rejected.headers['content-type'], rejected.json()], [503, /^application\/json/, { statusCode: 503, code: 'FST_UNDER_PRESSURE', error: 'Service Unavailable' }], path)
  }
  await putTask(dir, 'task_3_c')
  await feed.until('task_3_c')
  healthy = true
  await waitFor(async () => (await (await get('')).end()).status === 200)
  await checkClose(t, get, dir, () => app.close())
})

t.test('handlerTimeout: streams stay open longer', async (t) => {
  const app = Fastify({ handlerTimeout: 300 })
  const { dir, url, origin } = await startHost(t, app, () => app.get('/never', () => new Promise(() => {})))
  const get = getFrom(t, url)
  const feed = await (await get('/events')).until('event: ready\n')
  await putTask(dir, 'task_2_b', { status: 'running' })
  await feed.until('task_2_b')
  const events = await get('/task_2_b/log/events')
  const follow = await get('/task_2_b/log?follow=true')
  // started after the streams, so that their timeout has passed when this one has
  for (let passed = 0; passed < 2; passed++) t.equal((await fetch(`${origin}/never`)).status, 503)
  await appendFile(join(dir, 'task_2_b.log'), 'later\n')
  await Promise.all([feed.until('later'), events.until('later'), follow.until('later')])
  t.strictSame([feed.ended, events.ended, follow.ended], [undefined, undefined, undefined])
  await putTask(dir, 'task_2_b', { status: 'completed' })
  await Promise.all([events.end(), follow.end()])
  t.strictSame([events.ended, follow.ended], ['end', 'end'])
  await fetch(`${url}/task_2_b`, { method: 'DELETE' })
  await checkStreams(t, get, dir)
  await checkClose(t, get, dir, () => app.close())
})

t.test('HTTP/2: a session survives the end of one of its streams, and closes with the server', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  const { dir, origin } = await startHost(t, app)
  const session = connect(origin)
  t.teardown(() => session.destroy())
  session.on('error', () => {})
  const get = getOver(session, '/api/tasks')
  const { feed } = await checkStreams(t, get, dir)
  t.notOk(session.closed || session.destroyed)
  await putTask(dir, 'task_3_c')
  await feed.until('task_3_c')
  t.match((await (await get('/task_3_c')).end()).json(), { id: 'task_3_c', status: 'queued' }, 'the session accepts new requests')

  feed.leave()
  await waitFor(async () => (await (await get('/_meta/health')).end()).json().sseClients === 0)
  t.notOk(session.closed || session.destroyed, 'cancelling one stream does not close the session')
  const other = connect(origin)
  t.teardown(() => other.destroy())
  const follow = await getOver(other, '/api/tasks')('/task_3_c/log?follow=true')
  const closed = [once(session, 'close'), once(other, 'close')]
  await checkClose(t, get, dir, () => app.close())
  await Promise.all(closed)
  t.equal(follow.ended, 'cut', 'a session whose only stream is cut closes')
})

t.test('all of these plugins together: streams work as with each of them', async (t) => {
  const app = Fastify({ handlerTimeout: 300 })
  const { dir, url } = await startHost(t, app, async () => {
    await app.register(helmet)
    await app.register(cors, { origin: true })
    await app.register(compress, { threshold: 0 })
    await app.register(rateLimit, { max: 100 })
    await app.register(underPressure, { maxEventLoopDelay: 10_000 })
  })
  const get = getFrom(t, url, { origin: 'https://page.example', 'accept-encoding': 'gzip' })
  checkHeaders(t, await checkStreams(t, get, dir), {
    'access-control-allow-origin': 'https://page.example', 'x-frame-options': 'SAMEORIGIN', 'x-ratelimit-limit': '100'
  })
  t.equal((await post(url, { command: 'true', id: 'task_4_d' })).status, 201)
  await checkClose(t, get, dir, () => app.close())
})
