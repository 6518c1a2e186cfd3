import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { TasksClient, type TasksChange } from '../../lib/client/index.ts'
import { putTask, startServer, temporaryDirectory, waitFor } from '../helpers.ts'
import { startRelay, type Interference } from './relay.ts'

const BACKOFF = { minDelayMs: 1, maxDelayMs: 20 }

/** A client whose requests pass a relay on their way to a server with one running task. */
async function setUp (t: { teardown (work: () => unknown): void }, interfere: Interference, log?: string | Buffer): Promise<{ dir: string, client: TasksClient }> {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  if (log !== undefined) await writeFile(join(dir, 'task_1_a.log'), log)
  const { url } = await startServer(t, { dir })
  return { dir, client: new TasksClient(await startRelay(t, url, interfere), BACKOFF) }
}

t.test('an answer that is cut off is asked for again', async (t) => {
  let cuts = 0
  const { dir, client } = await setUp(t, (asked, answer) => {
    if (cuts++ >= 2) return false
    asked.resume()
    answer.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
    answer.write('[{"id":', () => answer.destroy())
    return true
  })
  t.equal((await client.list()).tasks.length, 1)
  cuts = 0
  await client.create({ command: 'true', id: undefined } as any)
  t.equal((await readdir(dir)).filter((name) => name.endsWith('.json')).length, 2)
})

t.test('a page instead of an answer is an error, never a loop', async (t) => {
  let pages = 0
  const { client } = await setUp(t, ({ url }, answer) => {
    if (url === '/api/tasks') return false
    pages++
    answer.writeHead(200, { 'content-type': 'text/html' }).end('<form>Log in</form>')
    return true
  })
  const foreign = { name: 'TasksError', statusCode: 200, code: undefined, message: /did not come from the tasks API/ }
  await t.rejects(client.get('task_1_a'), foreign)
  await t.rejects(client.followLog('task_1_a').next(), foreign)
  const changes = client.watch()[Symbol.asyncIterator]()
  await changes.next()
  await t.rejects(changes.next(), foreign)
  t.equal(pages, 3)
})

t.test('a server that is away behind its proxy comes back, whatever the proxy says', async (t) => {
  let away = false
  const streams = new Set<() => void>()
  const { dir, client } = await setUp(t, ({ url }, answer) => {
    if (url!.includes('events')) streams.add(() => answer.destroy())
    if (away) answer.writeHead(404, { 'content-type': 'text/html' }).end('<h1>default backend</h1>')
    return away
  }, 'one\n')
  await t.rejects(client.get('task_2_none').then((task) => { if (task === undefined) throw new Error('none') }), { message: 'none' })
  const following = client.followLog('task_1_a')
  t.match((await following.next()).value, { offset: 0 })
  const changes = client.watch()[Symbol.asyncIterator]()
  await changes.next()
  await changes.next()
  away = true
  for (const cut of streams) cut()
  t.match((await changes.next()).value, { type: 'disconnected' })
  t.match((await changes.next()).value, { type: 'disconnected', error: { statusCode: 404 } })
  const next = following.next()
  away = false
  await putTask(dir, 'task_1_a', { status: 'completed' })
  t.strictSame((await next).value, { status: 'completed' }, 'it was not taken for deleted')
  await t.resolves(changes.return(undefined))
  away = true
  await t.rejects(client.get('task_1_a'), { statusCode: 404, code: undefined })
  await t.rejects(client.readLog('task_1_a'), { name: 'TasksError', statusCode: 404 })
  await t.rejects(client.followLog('task_1_a').next(), { name: 'TasksError', statusCode: 404 }, 'at first it is a wrong address')
})

t.test('one log that the server can\'t read holds up no task', async (t) => {
  let broken = true
  let pinged: () => void = () => {}
  const { dir, client } = await setUp(t, ({ url }, answer) => {
    if (url!.includes('/events')) {
      pinged = () => answer.write(': ping\n\n')
      return false
    }
    if (!broken || !url!.endsWith('/log')) return false
    answer.writeHead(500, { 'content-type': 'application/json' }).end('{"statusCode":500,"code":"FST_TASKS_STORAGE","error":"","message":"EIO"}')
    return true
  }, 'text')
  const live = client.watch({ logs: true })
  t.teardown(() => live.close())
  const taken: TasksChange[] = []
  const taking = (async () => { for await (const change of live) taken.push(change) })()
  await waitFor(() => taken.some(({ type }) => type === 'connected'))
  await putTask(dir, 'task_2_b')
  await waitFor(() => taken.some((change) => change.type === 'upsert' && change.task.id === 'task_2_b'))
  broken = false
  pinged()
  await waitFor(() => taken.some((change) => change.type === 'log' && Buffer.from(change.bytes).toString() === 'text'))
  t.notOk(taken.some(({ type }) => type === 'disconnected'))
  live.close()
  await taking
})

t.test('does not read the whole body from a server that ignores Range', async (t) => {
  const { client } = await setUp(t, (asked) => {
    delete asked.headers.range
    return false
  }, Buffer.alloc(50 * 1024 * 1024, 'x'))
  const changes = client.watch({ logs: true })[Symbol.asyncIterator]()
  await changes.next()
  await changes.next()
  const before = process.memoryUsage().rss
  await t.rejects(changes.next(), { name: 'TasksError', statusCode: 200, message: /range/ })
  t.ok(process.memoryUsage().rss - before < 40 * 1024 * 1024)
})

t.test('a log that was rewritten to the same size while the server was away is read again', async (t) => {
  let away = false
  let cut: () => void = () => {}
  const { dir, client } = await setUp(t, ({ url }, answer) => {
    if (url!.includes('events')) cut = () => answer.destroy()
    if (away) answer.destroy()
    return away
  }, 'progress 10%\n')
  const following = client.followLog('task_1_a')
  t.match((await following.next()).value, { offset: 0, bytes: Buffer.from('progress 10%\n') })
  away = true
  cut()
  const next = following.next()
  await writeFile(join(dir, 'task_1_a.log'), 'progress 20%\n')
  away = false
  t.match((await next).value, { truncated: true })
  t.match((await following.next()).value, { offset: 0, bytes: Buffer.from('progress 20%\n') })
  await following.return({ status: null })
})

t.test('closed while it waits to connect again, it ends without an error', async (t) => {
  const { client } = await setUp(t, ({ url }, answer) => {
    if (url!.includes('events')) answer.destroy()
    return url!.includes('events')
  })
  const live = client.watch()
  for await (const { type } of live) if (type === 'disconnected') live.close()
  t.pass('it ended')
})

t.test('closed at any moment, also while logs are read, it ends', async (t) => {
  const { dir, client } = await setUp(t, () => false)
  for (let index = 0; index < 10; index++) {
    await putTask(dir, `task_${10 + index}_log`, { status: 'running' })
    await writeFile(join(dir, `task_${10 + index}_log.log`), Buffer.alloc(200_000, `${index}`))
  }
  await waitFor(async () => (await client.list()).tasks.length === 11)
  for (let attempt = 0; attempt < 40; attempt++) {
    const live = client.watch({ logs: true })
    const timer = setTimeout(() => live.close(), attempt)
    for await (const change of live) if (change.type === 'disconnected') t.fail('it was connected')
    clearTimeout(timer)
  }
  t.pass('it ended each time')
})

t.test('thousands of requests under one signal leave no listeners', async (t) => {
  const { client } = await setUp(t, () => false)
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  for (let count = 0; count < 2000; count++) await client.get('task_1_a', { signal })
  t.strictSame(warnings, [])
})

t.test('what callers may get wrong', async (t) => {
  const { client } = await setUp(t, () => false)
  t.throws(() => new TasksClient('/api/tasks'), TypeError, 'in Node.js there is no page that it would be relative to')
  t.throws(() => client.watch({ tasks: [] }), RangeError)
  t.strictSame(await client.list({ status: [] }), { tasks: [] })
  for (const id of ['', '.', '..', 'x/y', '_meta/health']) await t.rejects(client.get(id), { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
  const live = client.watch()
  t.teardown(() => live.close())
  const [first, second] = [live[Symbol.asyncIterator](), live[Symbol.asyncIterator]()]
  await first.next()
  await t.rejects(second.next(), /already has a consumer/)
  await first.return(undefined)
})

t.test('headers of the caller, in any spelling', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const client = new TasksClient(url, { headers: { 'Content-Type': 'application/json', 'X-Mine': '1' } })
  t.match(await client.create({ command: 'true' }), { created: true })
  const failing = new TasksClient(url, { ...BACKOFF, headers: () => { throw new TypeError('no token') } })
  await t.rejects(failing.list(), { message: 'no token' })
  await t.rejects(failing.watch()[Symbol.asyncIterator]().next(), { message: 'no token' })
})
