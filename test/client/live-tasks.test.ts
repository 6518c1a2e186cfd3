import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ConnectionError, TasksClient, type LiveTasks, type TasksChange, type TaskSummary } from '../../lib/client/index.ts'
import { putTask, startServer, temporaryDirectory, untilClients, waitFor } from '../helpers.ts'
import { clientWithTask } from './fixtures.ts'
import { Items } from './items.ts'

function changesOf<T extends TaskSummary> (live: LiveTasks<T>): Items<TasksChange<T>> {
  return new Items(live[Symbol.asyncIterator]())
}

t.test('a collection is limited to the given tasks and logs', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const id of ['task_1_a', 'task_2_b', 'task_3_c']) await putTask(dir, id, { status: 'running' })
  const { url } = await startServer(t, { dir })
  const live = new TasksClient(url).watch({ tasks: ['task_1_a', 'task_2_b', 'task_9_none'], logs: ['task_1_a'] })
  t.teardown(() => live.close())
  const changes = changesOf(live)
  t.match(await changes.next(), { type: 'snapshot', tasks: [{ id: 'task_2_b' }, { id: 'task_1_a' }] })
  t.match(await changes.next(), { type: 'connected' })
  for (const id of ['task_3_c', 'task_2_b', 'task_1_a']) await appendFile(join(dir, `${id}.log`), id)
  t.match(await changes.next(), { type: 'log', id: 'task_1_a', offset: 0, bytes: Buffer.from('task_1_a') })
  await putTask(dir, 'task_3_c', { status: 'failed' })
  await putTask(dir, 'task_2_b', { status: 'failed' })
  t.match(await changes.next(), { type: 'upsert', task: { id: 'task_2_b', status: 'failed' } })
  t.equal(live.tasks.get('task_2_b')!.status, 'failed')
  t.strictSame(live.list().map(({ id }) => id), ['task_2_b', 'task_1_a'])
})

t.test('a collection of summaries has neither config nor custom fields, whether tasks are listed or change', async (t) => {
  const { dir, client } = await clientWithTask(t)
  await putTask(dir, 'task_2_b', { config: { large: true }, custom: 1 })
  await waitFor(async () => (await client.list()).tasks.length === 2)
  const live = client.watch({ summary: true })
  t.teardown(() => live.close())
  const changes = changesOf(live)
  const { tasks } = await changes.find(({ type }) => type === 'snapshot') as { tasks: readonly object[] }
  t.equal(tasks.length, 2)
  await changes.find(({ type }) => type === 'connected')
  await putTask(dir, 'task_2_b', { config: { large: true }, custom: 1, status: 'running', timeoutMs: 5 })
  t.match(await changes.find(({ type }) => type === 'upsert'), { task: { id: 'task_2_b', status: 'running', timeoutMs: 5, errorMessage: null } })
  for (const task of [...tasks, ...live.list()]) t.notOk('config' in task || 'custom' in task, JSON.stringify(task))
})

t.test('an event that is not a JSON object makes the client list again', async (t) => {
  const isListed: boolean[] = []
  const { dir, client } = await clientWithTask(t, {
    interfere: ({ url }, response) => {
      if (!url!.includes('events')) isListed.push(true)
      if (!url!.includes('events') || isListed.length > 1) return false
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: ready\ndata: {"resumed":true}\n\nid: x\nevent: task.upsert\ndata: {"id":"task_1_a",\n\n')
      return true
    }
  })
  const live = client.watch()
  t.teardown(() => live.close())
  const changes = changesOf(live)
  await changes.find(({ type }) => type === 'connected')
  await putTask(dir, 'task_2_b')
  t.match(await changes.find(({ type }) => type === 'disconnected'), { error: { name: 'ConnectionError', message: 'The server sent an event that is not a JSON object: {"id":"task_1_a",' } })
  await changes.find(({ type }) => type === 'snapshot')
  await changes.find(({ type }) => type === 'connected')
  await putTask(dir, 'task_3_c')
  await changes.find((change) => change.type === 'upsert' && change.task.id === 'task_3_c')
  t.strictSame([...live.tasks.keys()].sort(), ['task_1_a', 'task_2_b', 'task_3_c'])
})

t.test('a collection of no tasks is a RangeError', async (t) => {
  const { client } = await clientWithTask(t)
  t.throws(() => client.watch({ tasks: [] }), RangeError)
})

t.test('a deleted task leaves the collection', async (t) => {
  const { client } = await clientWithTask(t)
  const live = client.watch()
  t.teardown(() => live.close())
  const changes = changesOf(live)
  await changes.find(({ type }) => type === 'connected')
  await client.delete('task_1_a', { force: true })
  t.strictSame(await changes.find(({ type }) => type === 'deleted'), { type: 'deleted', id: 'task_1_a' })
  t.equal(live.tasks.size, 0)
})

t.test('a second consumer of a collection is rejected', async (t) => {
  const { client } = await clientWithTask(t)
  const live = client.watch()
  t.teardown(() => live.close())
  const [first, second] = [changesOf(live), changesOf(live)]
  await first.next()
  await t.rejects(second.next(), /already has a consumer/)
  await first.leave()
})

t.test('an iteration that ends in the middle of a log resumes there', async (t) => {
  const text = Buffer.alloc(1_000_000, 'line of output\n')
  const { client } = await clientWithTask(t, { log: text })
  const live = client.watch({ logs: true })
  t.teardown(() => live.close())
  const pieces: Uint8Array[] = []
  for await (const change of live) {
    if (change.type !== 'log') continue
    pieces.push(change.bytes)
    break
  }
  t.ok(pieces[0]!.length < text.length, `the first piece has ${pieces[0]!.length} bytes`)
  for await (const change of live) {
    if (change.type !== 'log') continue
    t.equal(change.offset, Buffer.concat(pieces).length)
    pieces.push(change.bytes)
    if (Buffer.concat(pieces).length === text.length) break
  }
  t.ok(Buffer.concat(pieces).equals(text))
})

t.test('a collection retries while the server has no slot for another client', async (t) => {
  const { client } = await clientWithTask(t, { client: { minDelayMs: 5, maxDelayMs: 20 }, server: { maxClients: 1 } })
  const first = client.watch()
  t.teardown(() => first.close())
  const firstChanges = changesOf(first)
  await firstChanges.find(({ type }) => type === 'connected')
  const second = client.watch()
  t.teardown(() => second.close())
  const secondChanges = changesOf(second)
  t.match(await secondChanges.next(), { type: 'snapshot' })
  t.match(await secondChanges.next(), { type: 'disconnected', error: undefined })
  first.close()
  await firstChanges.end()
  await secondChanges.find(({ type }) => type === 'connected')
  t.strictSame([...new Set(secondChanges.seen.map(({ type }) => type))], ['snapshot', 'disconnected', 'connected'])
})

t.test('a collection reports a server that closes, and one that cannot be reached', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  const live = new TasksClient(url, { minDelayMs: 5, maxDelayMs: 20 }).watch()
  t.teardown(() => live.close())
  const changes = changesOf(live)
  await changes.find(({ type }) => type === 'connected')
  await app.close()
  t.match(await changes.next(), { type: 'disconnected', error: undefined }, 'the server ended the stream')
  t.match(await changes.next(), { type: 'disconnected', error: ConnectionError }, 'the server cannot be reached')
})

t.test('a log that the server cannot read does not delay other changes, and is read after a ping', async (t) => {
  let isBroken = true
  let ping: () => void = () => {}
  const { dir, client } = await clientWithTask(t, {
    log: 'text',
    interfere: ({ url }, response) => {
      if (url!.includes('/events')) ping = () => response.write(': ping\n\n')
      if (!isBroken || !url!.endsWith('/log')) return false
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"statusCode":500,"code":"FST_TASKS_STORAGE","error":"","message":"EIO"}')
      return true
    }
  })
  const live = client.watch({ logs: true })
  t.teardown(() => live.close())
  const changes = changesOf(live)
  await changes.find(({ type }) => type === 'connected')
  await putTask(dir, 'task_2_b')
  await changes.find((change) => change.type === 'upsert' && change.task.id === 'task_2_b')
  isBroken = false
  ping()
  t.match(await changes.find(({ type }) => type === 'log'), { id: 'task_1_a', offset: 0, bytes: Buffer.from('text') })
  t.notOk(changes.seen.some(({ type }) => type === 'disconnected'))
})

t.test('closing a collection ends its iteration without an error', async (t) => {
  const { client } = await clientWithTask(t)
  const live = client.watch()
  const changes = changesOf(live)
  await changes.find(({ type }) => type === 'connected')
  live.close()
  await changes.end()
  t.strictSame(changes.seen.map(({ type }) => type), ['snapshot', 'connected'])
})

t.test('closing a collection while it waits to reconnect ends its iteration without an error', async (t) => {
  const { client } = await clientWithTask(t, {
    interfere: ({ url }, response) => {
      if (url!.includes('events')) response.destroy()
      return url!.includes('events')
    }
  })
  const live = client.watch()
  for await (const { type } of live) if (type === 'disconnected') live.close()
  t.pass('the iteration ended')
})

t.test('closing a collection at any moment, even while it reads logs, ends its iteration', async (t) => {
  const { dir, client } = await clientWithTask(t)
  for (let index = 0; index < 10; index++) {
    await putTask(dir, `task_${10 + index}_log`, { status: 'running' })
    await writeFile(join(dir, `task_${10 + index}_log.log`), Buffer.alloc(200_000, `${index}`))
  }
  let listed = 0
  await waitFor(async () => (listed = (await client.list()).tasks.length) === 11, { describe: () => `${listed} tasks` })
  for (let attempt = 0; attempt < 40; attempt++) {
    const live = client.watch({ logs: true })
    const timer = setTimeout(() => live.close(), attempt)
    for await (const change of live) if (change.type === 'disconnected') t.fail(`disconnected: ${String(change.error)}`)
    clearTimeout(timer)
  }
  t.pass('every iteration ended')
})

t.test('leaving the loop over a collection disconnects it', async (t) => {
  const { url, client } = await clientWithTask(t)
  for await (const { type } of client.watch()) if (type === 'connected') break
  await untilClients(url, 0)
  t.pass('the server has no streaming client')
})
