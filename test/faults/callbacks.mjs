// A host whose callbacks and store fail in every way: node callbacks.mjs. It prints the name of each case that held, and
// exits with 0 if the process survived all of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fastifySSE } from '@fastify/sse'
import Fastify from 'fastify'
import { DirectoryStore, tasksPlugin } from 'fastify-tasks'

const SSE = { sse: { kind: 'only', heartbeat: false } }
class Failure extends Error {}
const fail = () => { throw new Failure() }
const reject = async () => { throw new Failure() }

/** Drops a file without an object as its config, as any program may. */
async function drop (dir, id, fields = {}) {
  await writeFile(join(dir, `.${id}`), JSON.stringify({ id, command: 'true', status: 'queued', config: null, ...fields }))
  await rename(join(dir, `.${id}`), join(dir, `${id}.json`))
}

async function until (holds) {
  const deadline = performance.now() + 20_000
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Not true: ${holds}`)
    await sleep(10)
  }
}

/** A client of a stream; `text` is what it has received. */
function connect (url, headers = {}) {
  const abort = new AbortController()
  const client = { text: '', ended: false, close: () => abort.abort() }
  client.done = (async () => {
    const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: abort.signal })
    client.status = response.status
    for await (const bytes of response.body) client.text += Buffer.from(bytes)
  })().catch(() => {}).finally(() => { client.ended = true })
  return client
}

/** Runs a host, and closes it. @param work gets `{ app, dir, url, lines }`; `lines` is what was logged */
async function host (options, work, { logger, register = () => {}, ...server } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-'))
  const lines = []
  const app = Fastify({ logger: logger ?? { level: 'warn', stream: { write: (line) => { lines.push(line) } } }, ...server })
  await app.register(fastifySSE)
  await app.register(tasksPlugin, typeof options === 'function' ? options(dir) : { dir, ...options })
  await register(app)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  try {
    await work({ app, dir, origin, url: `${origin}/api/tasks`, lines })
  } finally {
    await app.close()
    await rm(dir, { recursive: true })
  }
}

/** A store that fails as its tests say. */
class FaultyStore {
  faults = {}
  emit
  #store

  constructor (dir) {
    this.#store = new DirectoryStore(dir)
    for (const name of ['open', 'close', 'health', 'types', 'list', 'get', 'create', 'cancel', 'delete', 'readLog', 'since']) {
      this[name] = (...args) => this.faults[name] === undefined ? this.#store[name](...args) : this.faults[name](...args)
    }
  }

  subscribe (listener, interest) {
    if (this.faults.subscribe !== undefined) return this.faults.subscribe()
    this.emit = listener
    const end = this.#store.subscribe(listener, interest)
    return () => {
      end()
      this.faults.unsubscribe?.()
    }
  }
}

const filters = {
  'a filter that throws for some tasks': (task) => task.config.site === 'a',
  'a filter that returns a promise': async () => true,
  'a filter whose promise rejects': reject,
  // eslint-disable-next-line no-throw-literal
  'a filter that throws undefined': () => { throw undefined }
}

const cases = {
  ...Object.fromEntries(Object.entries(filters).map(([name, where]) => [name, () => host({}, async ({ app, dir, origin, lines }) => {
    await drop(dir, 'task_1_before')
    await until(async () => (await app.tasks.list()).tasks.length === 1)
    const { lastEventId } = await app.tasks.list()
    const client = connect(`${origin}/filtered`)
    await until(() => client.text.includes('event: ready'))
    for (let index = 0; index < 50; index++) await drop(dir, `task_2_odd${index}`)
    await app.tasks.create({ id: 'task_3_deploy', command: 'true', type: 'deploy', config: { site: 'a' } })
    await until(async () => (await app.tasks.list()).tasks.length === 52)
    const resumed = connect(`${origin}/filtered`, { 'last-event-id': lastEventId })
    await until(() => resumed.text.includes('event: ready'))
    // a throwing filter of another client must not stop this one
    const all = connect(`${origin}/api/tasks/events`, { 'last-event-id': lastEventId })
    await until(() => all.text.includes('task_3_deploy'))
    if (name === 'a filter that throws for some tasks') await until(() => [client, resumed].every(({ text }) => text.includes('task_3_deploy')))
    else assert(![client, resumed].some(({ text }) => text.includes('task.upsert')))
    assert(![client, resumed].some(({ text }) => /"id": ?"task_2_odd\d+", ?"command"/.test(text)))
    const { feed } = await app.tasks.health()
    assert(feed.filterErrors >= 50, `filterErrors is ${feed.filterErrors}`)
    assert.equal(lines.filter((line) => line.includes('`where` filter failed')).length, 1)
    for (const each of [client, resumed, all]) each.close()
  }, { register: (app) => app.get('/filtered', SSE, (_request, reply) => reply.taskEvents({ where })) })])),

  'a filter that is none': () => host({}, async ({ origin }) => {
    for (const name of ['typo', 'text', 'where', 'number']) {
      const answer = await fetch(`${origin}/${name}`, { headers: { accept: 'text/event-stream' } })
      assert.deepEqual([answer.status, (await answer.json()).code], [500, 'FST_TASKS_FILTER'], name)
    }
  }, {
    register: (app) => {
      for (const [name, filter] of Object.entries({ typo: { when: () => true }, text: { tasks: 'task_1_a' }, where: { where: true }, number: 5 })) {
        app.get(`/${name}`, SSE, (_request, reply) => reply.taskEvents(filter))
      }
    }
  }),

  'listeners that fail': () => host({}, async ({ app, dir, lines }) => {
    const received = []
    app.tasks.on('task.upsert', fail)
    app.tasks.on('task.upsert', reject)
    app.tasks.once('task.upsert', fail)
    app.tasks.on('task.deleted', reject)
    app.tasks.on('task.log', fail)
    app.tasks.store.subscribe(fail, { logs: true })
    app.tasks.store.subscribe(reject, { logs: true })
    for (const name of ['task.upsert', 'task.deleted', 'task.log']) app.tasks.on(name, () => { received.push(name) })
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    await app.tasks.create({ id: 'task_2_b', command: 'true' })
    await drop(dir, 'task_1_a', { status: 'running' })
    await until(() => received.length === 3)
    await writeFile(join(dir, 'task_1_a.log'), 'output\n')
    await until(() => received.includes('task.log'))
    await app.tasks.delete('task_1_a', { force: true })
    await until(() => received.includes('task.deleted'))
    assert.equal(app.tasks.listenerCount('task.upsert'), 3, 'the listener of `once` is gone')
    assert.deepEqual(lines.map((line) => JSON.parse(line).msg).sort(), [
      'fastify-tasks: a listener failed', ...['deleted', 'log', 'upsert'].map((name) => `fastify-tasks: a listener of task.${name} failed`)
    ])
  }),

  'hooks that throw': () => host((dir) => ({
    dir,
    onRequest: [
      (request, _reply, done) => {
        const { how } = request.headers
        if (how === 'error') throw new Failure()
        // eslint-disable-next-line no-throw-literal
        if (how === 'undefined') throw undefined
        // eslint-disable-next-line no-throw-literal
        if (how === 'null') throw null
        // eslint-disable-next-line no-throw-literal
        if (how === 'zero') throw 0
        done()
      },
      // eslint-disable-next-line prefer-promise-reject-errors
      (request) => request.headers.how === 'rejection' ? Promise.reject(undefined) : Promise.resolve()
    ]
  }), async ({ url }) => {
    for (const how of ['error', 'undefined', 'null', 'zero', 'rejection']) {
      const answer = await fetch(url, { headers: { how } })
      assert.equal(answer.status, 500, how)
    }
    assert.equal((await fetch(url)).status, 200)
  }),

  'a trustProxy function that throws': () => host({}, async ({ app, url }) => {
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    for (const path of ['/events', '/task_1_a/log?follow=true', '/task_1_a/log/events']) assert.equal((await fetch(`${url}${path}`, { headers: { 'x-forwarded-for': '::1' } })).status, 500, path)
    assert.equal((await app.tasks.health()).sseClients, 0)
  }, { trustProxy: fail }),

  'a logger that throws': () => host((dir) => ({ store: new FaultyStore(dir) }), async ({ app, dir, url }) => {
    app.tasks.on('task.upsert', fail)
    const client = connect(`${url}/events`)
    await until(() => client.text.includes('event: ready'))
    await writeFile(join(dir, 'task_2_x.json'), '{')
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    await until(() => client.text.includes('task_1_a'))
    app.tasks.store.faults.readLog = reject
    const [log, bytes] = [connect(`${url}/task_1_a/log/events`), connect(`${url}/task_1_a/log?follow=true`)]
    await Promise.all([log.done, bytes.done])
    app.tasks.store.faults = {}
    client.close()
    await until(async () => (await app.tasks.health()).sseClients === 0)
  }, {
    logger: false,
    loggerInstance: {
      ...Object.fromEntries(['fatal', 'trace'].map((level) => [level, () => {}])),
      ...Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (details, text = details) => { if (/^fastify-tasks/.test(text)) throw new Failure() }])),
      child () { return this }
    }
  }),

  'a store whose methods fail': () => host((dir) => ({ store: new FaultyStore(dir) }), async ({ app, url }) => {
    const { store } = app.tasks
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    const headers = { 'content-type': 'application/json' }
    const requests = {
      health: [['GET', '/_meta/health']],
      types: [['GET', '/_meta/types']],
      list: [['GET', ''], ['GET', '/events']],
      get: [['GET', '/task_1_a'], ['GET', '/task_1_a/log'], ['GET', '/task_1_a/log/events'], ['GET', '/task_1_a/log/search?q=x']],
      create: [['POST', '']],
      cancel: [['POST', '/task_1_a/cancel']],
      delete: [['DELETE', '/task_1_a?force=1']],
      readLog: [['GET', '/task_1_a/log'], ['GET', '/task_1_a/log?tail=1'], ['GET', '/task_1_a/log/search?q=x']],
      since: [['GET', '/events?lastEventId=a-1']],
      subscribe: [['GET', '/events']]
    }
    for (const fault of [fail, reject, () => Promise.reject(undefined)]) { // eslint-disable-line prefer-promise-reject-errors
      for (const [name, each] of Object.entries(requests)) {
        for (const [method, path] of each) {
          store.faults = { [name]: fault }
          if (name === 'subscribe' && fault !== fail) continue
          const answer = await fetch(`${url}${path}`, { method, ...(path === '' && method === 'POST' && { headers, body: '{"command":"true"}' }) })
          assert.equal(answer.status, 500, `${name}: ${method} ${path}`)
          // Fastify sends a rejection without a value without a body
          assert.match(await answer.text(), /^$|"statusCode":500/)
        }
      }
      for (const name of ['get', 'readLog', 'subscribe']) {
        store.faults = { [name]: fault }
        await assert.rejects(async () => { for await (const bytes of app.tasks.followLog('task_1_a')) assert(bytes) }, name)
        await Promise.all(['/log/events', '/log?follow=true'].map((path) => connect(`${url}/task_1_a${path}`).done))
      }
    }
    store.faults = {}
    assert.equal((await fetch(url)).status, 200)
    assert.equal((await app.tasks.health()).sseClients, 0, 'no slot is lost')
  }),

  'a store whose subscriptions fail': () => host((dir) => ({ store: new FaultyStore(dir) }), async ({ app, url, lines }) => {
    const { store } = app.tasks
    const client = connect(`${url}/events`)
    await until(() => client.text.includes('event: ready'))
    // the first disconnect ends the interest in logs
    store.faults = { unsubscribe: fail, subscribe: fail }
    client.close()
    await until(async () => (await app.tasks.health()).sseClients === 0)
    assert.throws(() => app.tasks.on('task.log', () => {}), Failure)
    store.faults = { unsubscribe: fail }
    const listener = () => {}
    app.tasks.on('task.log', listener)
    store.faults = { unsubscribe: fail, subscribe: fail }
    app.tasks.off('task.log', listener)
    store.faults = { unsubscribe: fail }
    const next = connect(`${url}/events`)
    await until(() => next.text.includes('event: ready'))
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    await until(() => next.text.includes('task_1_a'))
    next.close()
    assert(lines.some((line) => line.includes('subscription')))
  }),

  'a store that emits events that cannot be encoded': () => host((dir) => ({ store: new FaultyStore(dir) }), async ({ app, url, lines }) => {
    const client = connect(`${url}/events`)
    await until(() => client.text.includes('event: ready'))
    for (const event of [{ type: 'task.upsert', eventId: 'a-1' }, { type: 'task.log', eventId: 'a-2' }, { type: 'other', eventId: 'a-3' }]) {
      try {
        app.tasks.store.emit(event)
      } catch {}
    }
    await client.done
    const next = connect(`${url}/events`)
    await until(() => next.text.includes('event: ready'))
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    await until(() => next.text.includes('task_1_a'))
    next.close()
    assert(lines.some((line) => line.includes('cannot be sent')))
  }),

  'a store whose logs fail while they are read': () => host((dir) => ({ store: new FaultyStore(dir) }), async ({ app, url }) => {
    await app.tasks.create({ id: 'task_1_a', command: 'true' })
    const body = () => Readable.from((async function * () {
      yield Buffer.from('some bytes')
      throw new Failure()
    })())
    app.tasks.store.faults = { readLog: async () => ({ size: 100, etag: '"a"', body: body() }) }
    for (const path of ['/log', '/log?position=1', '/log?tail=3', '/log?follow=true', '/log/events', '/log/search?q=x']) await connect(`${url}/task_1_a${path}`).done
    await until(async () => (await app.tasks.health()).sseClients === 0)
  })
}

for (const [name, run] of Object.entries(cases)) {
  await run()
  // rejections that nothing handles end the process in a later turn
  await sleep(1)
  console.log(name)
}
await once(process.stdout.end(), 'close').catch(() => {})
