import { appendFile, readdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { ConnectionError, TasksClient, type LogPiece } from '../../lib/client/index.ts'
import { putTask, startServer, temporaryDirectory, waitFor } from '../helpers.ts'
import { startRelay } from './relay.ts'

async function textOf (body: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(body).text()
}

t.test('tasks: created, read, listed, cancelled, removed', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const client = new TasksClient(`${url}/`)
  const { task, created } = await client.create({ command: 'true', config: { a: [1] } })
  t.match({ task, created }, { task: { command: 'true', status: 'queued', config: { a: [1] } }, created: true })
  t.match(await client.create({ command: 'false', id: task.id }), { task: { command: 'true' }, created: false })
  t.strictSame(await client.get(task.id), task)
  t.equal(await client.get('task_1_none'), undefined)
  for (let index = 0; index < 5; index++) await client.create({ command: 'true', id: `task_${index}_page` })
  const ids: string[] = []
  for (let before: string | undefined, page; page === undefined || before !== undefined; before = page.next) {
    page = await client.list({ limit: 2, status: ['queued'], ...(before !== undefined && { before }) })
    ids.push(...page.tasks.map(({ id }) => id))
  }
  t.equal(new Set(ids).size, 6)
  t.match(await client.cancel(task.id), { outcome: 'cancelled', task: { status: 'cancelled' } })
  await t.rejects(client.cancel(task.id), { name: 'TasksError', statusCode: 409, code: 'FST_TASKS_NOT_ACTIVE', message: /has already finished/ })
  await t.rejects(client.delete('task_0_page'), { code: 'FST_TASKS_ACTIVE' })
  await client.delete('task_0_page', { force: true })
  await client.delete(task.id)
  await t.rejects(client.delete(task.id), { code: 'FST_TASKS_NOT_FOUND' })
  await putTask(dir, 'task_9_runs', { status: 'running' })
  await waitFor(async () => await client.get('task_9_runs') !== undefined)
  t.strictSame(await client.cancel('task_9_runs'), { outcome: 'requested' })
  await t.rejects(client.create({ command: '' }), { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
  t.match(await client.health(), { processorAlive: false, sseClients: 0, readOnly: false })
})

t.test('a log: none, its bytes, from a position, its last lines, searched', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const { url } = await startServer(t, { dir })
  const client = new TasksClient(url)
  t.equal(await client.readLog('task_1_a'), undefined)
  await t.rejects(client.readLog('task_2_none'), { code: 'FST_TASKS_NOT_FOUND' })
  await writeFile(join(dir, 'task_1_a.log'), 'one\ntwo\nthree\n')
  const whole = await client.readLog('task_1_a')
  t.match(whole, { start: 0, end: 14, size: 14 })
  t.equal(await textOf(whole!.body), 'one\ntwo\nthree\n')
  t.equal(await textOf((await client.readLog('task_1_a', { start: 4 }))!.body), 'two\nthree\n')
  const last = await client.readLog('task_1_a', { tail: 1 })
  t.match([last, await textOf(last!.body)], [{ start: 8, end: 14 }, 'three\n'])
  t.strictSame(await client.searchLog('task_1_a', 'T', { limit: 1 }), { matches: [{ offset: 8, line: 'three' }], next: 8 })
  t.strictSame(await client.searchLog('task_1_a', 't', { before: 8 }), { matches: [{ offset: 4, line: 'two' }], next: null })
})

t.test('a part of a log, and its size', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const client = new TasksClient(url)
  await putTask(dir, 'task_1_a', { status: 'running' })
  await waitFor(async () => await client.get('task_1_a') !== undefined)
  t.strictSame([await client.logSize('task_1_a'), await client.readLog('task_1_a', { end: 5 })], [undefined, undefined])
  await writeFile(join(dir, 'task_1_a.log'), '')
  t.equal(await client.logSize('task_1_a'), 0)
  await writeFile(join(dir, 'task_1_a.log'), '0123456789')
  t.equal(await client.logSize('task_1_a'), 10)
  for (const [options, start, end, text] of [
    [{ start: 2, end: 5 }, 2, 5, '234'],
    [{ end: 4 }, 0, 4, '0123'],
    [{ start: 8, end: 108 }, 8, 10, '89'],
    [{ start: 10, end: 11 }, 10, 10, ''],
    [{ start: 4, end: 4 }, 4, 4, ''],
    [{ start: 4, end: 2 }, 4, 4, ''],
    [{ start: 3 }, 3, 10, '3456789'],
    [{ start: 12 }, 10, 10, ''],
    [{ tail: 0 }, 10, 10, '']
  ] as const) {
    const log = (await client.readLog('task_1_a', options))!
    t.match(log, { start, end, size: 10 }, JSON.stringify(options))
    t.equal(await textOf(log.body), text)
  }
  await t.rejects(client.readLog('task_1_a', { tail: 1, start: 0 }), TypeError)
  await t.rejects(client.readLog('task_1_a', { start: -1 }), RangeError)
  await t.rejects(client.logSize('task_1_none'), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('a task whose answer is lost is created once', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  let lost = 0
  const relay = await startRelay(t, url, (asked, answer) => {
    if (lost++ >= 2) return false
    // the server gets the request, and nobody its answer
    const forwarded = request(`${url}`, { method: asked.method, headers: asked.headers, agent: false }, () => answer.destroy())
    asked.pipe(forwarded)
    return true
  })
  const client = new TasksClient(relay, { minDelayMs: 1 })
  const { task, created } = await client.create({ command: 'true' })
  t.equal(created, true)
  t.equal(lost, 3)
  t.strictSame((await readdir(dir)).filter((name) => name.endsWith('.json')), [`${task.id}.json`])
})

t.test('headers: a token that is asked for each time; without it, a 401 is an error and no loop', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  let asked = 0
  const { url } = await startServer(t, {
    dir,
    onRequest: async (request, reply) => {
      asked++
      if (request.headers.authorization !== 'Bearer good') return await reply.code(401).send({ statusCode: 401, code: 'NO', error: 'Unauthorized', message: 'who are you' })
    }
  })
  let token = 'good'
  const client = new TasksClient(url, { headers: async () => ({ authorization: `Bearer ${token}` }) })
  t.equal((await client.list()).tasks.length, 1)
  const live = client.watch({ logs: true })
  t.teardown(() => live.close())
  const changes = live[Symbol.asyncIterator]()
  t.match((await changes.next()).value, { type: 'snapshot' })
  token = 'bad'
  asked = 0
  const refused = { name: 'TasksError', statusCode: 401, code: 'NO', message: 'who are you' }
  await t.rejects(changes.next(), refused)
  await t.rejects(client.list(), refused)
  await t.rejects(client.create({ command: 'true' }), refused)
  await t.rejects(client.readLog('task_1_a'), refused)
  await t.rejects(client.followLog('task_1_a').next(), refused)
  t.equal(asked, 5)
})

t.test('signals end everything at once', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const { url } = await startServer(t, { dir })
  const client = new TasksClient(url)
  const aborted = AbortSignal.abort()
  const calls: Array<() => Promise<unknown>> = [
    () => client.list({ signal: aborted }), () => client.get('task_1_a', { signal: aborted }), () => client.create({ command: 'true' }, { signal: aborted }),
    () => client.readLog('task_1_a', { signal: aborted }), () => client.searchLog('task_1_a', 'x', { signal: aborted }), () => client.health({ signal: aborted }), () => client.types({ signal: aborted }),
    () => client.delete('task_1_a', { signal: aborted }), () => client.cancel('task_1_a', { signal: aborted })
  ]
  for (const call of calls) await t.rejects(call(), { name: 'AbortError' })
  t.equal((await client.list()).tasks.length, 1)

  const leaving = new AbortController()
  const following = client.followLog('task_1_a', { signal: leaving.signal })
  const live = client.watch({ signal: leaving.signal })[Symbol.asyncIterator]()
  await live.next()
  t.match((await live.next()).value, { type: 'connected' })
  const pending: Array<Promise<unknown>> = [following.next(), live.next()]
  await waitFor(async () => (await client.health()).sseClients === 2)
  leaving.abort()
  for (const each of pending) await t.rejects(each, { name: 'AbortError' })
  await waitFor(async () => (await client.health()).sseClients === 0)

  const closed = client.watch()
  const taken: string[] = []
  const taking = (async () => { for await (const { type } of closed) taken.push(type) })()
  await waitFor(() => taken.includes('connected'))
  closed.close()
  await taking
  t.strictSame(taken, ['snapshot', 'connected'], 'closed: it ends without an error')
  for await (const { type } of client.watch()) if (type === 'connected') break
  await waitFor(async () => (await client.health()).sseClients === 0)
})

t.test('a log is followed from a position to the end of its task', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  await writeFile(join(dir, 'task_1_a.log'), 'zero\none\n')
  const { url } = await startServer(t, { dir })
  const client = new TasksClient(url, { minDelayMs: 1 })
  const pieces: LogPiece[] = []
  const end = (async () => {
    const log = client.followLog('task_1_a', { position: 5 })
    let next = await log.next()
    for (; next.done !== true; next = await log.next()) pieces.push(next.value)
    return next.value
  })()
  await waitFor(() => pieces.length === 1)
  await appendFile(join(dir, 'task_1_a.log'), Buffer.from([0xff, 0x0a]))
  await waitFor(() => pieces.length === 2)
  await writeFile(join(dir, 'task_1_a.log'), 'new\n')
  await waitFor(() => pieces.some(({ offset, bytes }) => offset === 0 && bytes.length === 4))
  await putTask(dir, 'task_1_a', { status: 'failed' })
  t.strictSame(await end, { status: 'failed' })
  t.strictSame(pieces.map(({ offset, bytes, truncated }) => [offset, Buffer.from(bytes).toString('latin1'), truncated]), [
    [5, 'one\n', undefined], [9, '\xff\n', undefined], [0, '', true], [0, 'new\n', undefined]
  ])
  await t.rejects(client.followLog('task_2_none').next(), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('a collection of some tasks, with the log of one', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const id of ['task_1_a', 'task_2_b', 'task_3_c']) await putTask(dir, id, { status: 'running' })
  const { url } = await startServer(t, { dir })
  const live = new TasksClient(url).watch({ tasks: ['task_1_a', 'task_2_b', 'task_9_none'], logs: ['task_1_a'] })
  t.teardown(() => live.close())
  const changes = live[Symbol.asyncIterator]()
  t.match((await changes.next()).value, { type: 'snapshot', tasks: [{ id: 'task_2_b' }, { id: 'task_1_a' }] })
  t.match((await changes.next()).value, { type: 'connected' })
  for (const id of ['task_3_c', 'task_2_b', 'task_1_a']) await appendFile(join(dir, `${id}.log`), id)
  t.match((await changes.next()).value, { type: 'log', id: 'task_1_a', offset: 0, bytes: Buffer.from('task_1_a') })
  await putTask(dir, 'task_3_c', { status: 'failed' })
  await putTask(dir, 'task_2_b', { status: 'failed' })
  t.match((await changes.next()).value, { type: 'upsert', task: { id: 'task_2_b', status: 'failed' } })
  t.equal(live.tasks.get('task_2_b')!.status, 'failed')
  t.strictSame(live.list().map(({ id }) => id), ['task_2_b', 'task_1_a'])
})

t.test('who leaves a collection in the middle of a log goes on there', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const text = Buffer.alloc(1_000_000, 'line of output\n')
  await writeFile(join(dir, 'task_1_a.log'), text)
  const { url } = await startServer(t, { dir })
  const live = new TasksClient(url).watch({ logs: true })
  const pieces: Uint8Array[] = []
  for await (const change of live) {
    if (change.type === 'log') pieces.push(change.bytes)
    if (change.type === 'log') break
  }
  t.ok(pieces[0]!.length < text.length)
  for await (const change of live) {
    if (change.type !== 'log') continue
    t.equal(change.offset, Buffer.concat(pieces).length)
    pieces.push(change.bytes)
    if (Buffer.concat(pieces).length === text.length) break
  }
  t.ok(Buffer.concat(pieces).equals(text))
})

t.test('a server that is full or away is tried again, and said to be', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir, maxClients: 1 })
  const client = new TasksClient(url, { minDelayMs: 5, maxDelayMs: 20 })
  const first = client.watch()
  t.teardown(() => first.close())
  const taking = (async () => { for await (const { type } of first) if (type === 'disconnected') return })()
  await waitFor(async () => (await client.health()).sseClients === 1)
  const second = client.watch()[Symbol.asyncIterator]()
  await second.next()
  t.match((await second.next()).value, { type: 'disconnected', error: undefined })
  first.close()
  await taking
  for (let change = await second.next(); change.value?.type !== 'connected'; change = await second.next()) t.match(change.value, { type: 'disconnected' })
  await app.close()
  t.match((await second.next()).value, { type: 'disconnected', error: undefined }, 'the server ended it')
  t.match((await second.next()).value, { type: 'disconnected', error: ConnectionError }, 'the server is away')
  await second.return(undefined)
})
