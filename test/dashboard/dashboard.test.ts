import Fastify, { type FastifyInstance } from 'fastify'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import tasksDashboard, { type TasksDashboardOptions } from 'fastify-tasks/dashboard'

async function createApp (t: Test, options: TasksDashboardOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksDashboard, { prefix: '/page', ...options })
  return app
}

async function findScript (app: FastifyInstance): Promise<string> {
  const { body } = await app.inject('/page/')
  const [, script] = /src="(assets\/main-\w+\.js)"/.exec(body) ?? []
  if (script === undefined) throw new Error(`The page has no script: ${body}`)
  return `/page/${script}`
}

t.test('the page is revalidated at each request', async (t) => {
  const app = await createApp(t)
  t.match((await app.inject('/page/')).headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' })
})

t.test('the prefix without a slash redirects to the page and keeps the query', async (t) => {
  const app = await createApp(t)
  t.match(await app.inject('/page?x=1'), { statusCode: 308, headers: { location: './page/?x=1' } })
})

t.test('assets may be cached forever', async (t) => {
  const app = await createApp(t)
  const { headers } = await app.inject(await findScript(app))
  t.match(headers, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': /immutable/, vary: 'accept-encoding' })
})

t.test('assets are sent compressed if the client accepts it', async (t) => {
  const app = await createApp(t)
  const script = await findScript(app)
  const plain = await app.inject(script)
  for (const [encoding, decompress] of [['br', brotliDecompressSync], ['gzip', gunzipSync]] as const) {
    const compressed = await app.inject({ url: script, headers: { 'accept-encoding': encoding } })
    t.equal(compressed.headers['content-encoding'], encoding)
    t.ok(decompress(compressed.rawPayload).equals(plain.rawPayload))
  }
})

t.test('the licenses of the bundled packages are served', async (t) => {
  const app = await createApp(t)
  t.match((await app.inject('/page/assets/licenses.txt')).body, /preact .*MIT/)
})

t.test('only the page\'s own files are served', async (t) => {
  const app = await createApp(t)
  for (const name of ['entry.json', 'nothing.js', '..%2Findex.js', '%2e%2e/index.js', 'main.js.br']) t.equal((await app.inject(`/page/assets/${name}`)).statusCode, 404, name)
})

t.test('invalid options are rejected', async (t) => {
  for (const [options, message] of [
    [{ api: 'javascript:alert(1)' }, 'api must be a path or an http(s) URL, without a query or fragment.'],
    [{ title: ' ' }, 'title must be a text that is not blank.'],
    [{ prefix: 'page' }, 'prefix must be a path that starts with /.']
  ] as const) await t.rejects(createApp(t, options), { code: 'FST_TASKS_DASHBOARD_OPTIONS', message: `fastify-tasks/dashboard: ${message}` }, message)
})

t.test('unknown options are rejected with a suggestion; Fastify\'s own options are accepted', async (t) => {
  for (const [options, message] of [
    [{ titel: 'Jobs' }, /: titel is not an option. Did you mean title\?/],
    [{ API: '/api/tasks' }, /: API is not an option. Did you mean api\?/],
    [{ readOnly: true }, /: readOnly is not an option. The options are prefix, api, title, logLevel, logSerializers\./]
  ] as const) await t.rejects(createApp(t, options as never), { code: 'FST_TASKS_DASHBOARD_OPTIONS', message }, JSON.stringify(options))
  const app = await createApp(t, { logLevel: 'warn', logSerializers: {} } as never)
  t.equal((await app.inject('/page/')).statusCode, 200)
})
