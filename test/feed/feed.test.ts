import { once } from 'node:events'
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { Copy } from '../copy.ts'
import { EventStream, healthOf, openFeed, post, putTask, startServer, temporaryDirectory, untilClients, untilKnown, waitFor } from '../helpers.ts'

async function position (url: string): Promise<string> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.headers.get('last-event-id')!
}

t.test('the feed starts with its position', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  t.match(feed.response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
  const ready = await feed.find(() => true)
  t.match(ready, { event: 'ready', data: { at: Number, resumed: false } })
  t.equal(feed.lastEventId, await position(url), 'the position of the list')
})

t.test('a feed opened with the list\'s position misses nothing and repeats nothing', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await post(url, { command: 'true', id: 'task_1_before' })
  const at = await position(url)
  await post(url, { command: 'true', id: 'task_2_between' })
  await writeFile(join(dir, 'task_1_before.log'), 'grew')
  const feed = await openFeed(url, `?lastEventId=${at}`)
  t.teardown(() => feed.close())
  await post(url, { command: 'true', id: 'task_3_after' })
  await feed.find(({ data }) => data.id === 'task_3_after')
  const [ready, ...events] = feed.messages
  t.match(ready, { id: at, data: { resumed: true } })
  t.strictSame(events.filter(({ event }) => event === 'task.upsert').map(({ data }) => data.id), ['task_2_between', 'task_3_after'])
  // the log was not read, because it had no subscriber: only its size is sent
  const sizeUpdate = await feed.find(({ event }) => event === 'task.log')
  t.strictSame(sizeUpdate.data, { id: 'task_1_before', offset: 4, end: 4, chunk: '' })
})

t.test('a client that reconnects receives each task event, and a size update for each log', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a', { status: 'running' })
  const other = await openFeed(url)
  t.teardown(() => other.close())
  const feed = await openFeed(url)
  await appendFile(join(dir, 'task_1_a.log'), 'one\n')
  await feed.find(({ data }) => data.chunk === 'one\n')
  feed.close()
  await appendFile(join(dir, 'task_1_a.log'), 'two\n')
  await other.find(({ data }) => data.chunk === 'two\n')
  await truncate(join(dir, 'task_1_a.log'), 0)
  await appendFile(join(dir, 'task_1_a.log'), 'again')
  await other.find(({ data }) => data.chunk === 'again')
  await fetch(`${url}/task_1_a?force=0`, { method: 'DELETE' })
  await post(url, { command: 'true', id: 'task_2_b' })
  await fetch(`${url}/task_2_b?force=1`, { method: 'DELETE' })

  const back = await openFeed(url, '', { 'last-event-id': feed.lastEventId })
  t.teardown(() => back.close())
  await back.find(({ event }) => event === 'task.deleted')
  t.strictSame(back.messages.map(({ event, data }) => [event, data.id, data.truncated ?? data.offset]), [
    ['ready', undefined, undefined],
    ['task.log', 'task_1_a', true],
    ['task.log', 'task_1_a', 5],
    ['task.upsert', 'task_2_b', undefined],
    ['task.deleted', 'task_2_b', undefined]
  ])
  t.equal(back.messages[0]!.id, feed.lastEventId)
})

t.test('unknown event ids make the client list again', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const [epoch] = (await position(url)).split('-')
  for (const id of ['x', 'abc-1', `${epoch}-99999`, `${epoch}-1.5`, `${epoch}--1`, '0-0', 'ü']) {
    const feed = await openFeed(url, `?lastEventId=${encodeURIComponent(id)}`)
    t.match((await feed.find(() => true)).data, { resumed: false }, id)
    feed.close()
  }
  const header = await openFeed(url, '?lastEventId=nonsense', { 'last-event-id': await position(url) })
  t.teardown(() => header.close())
  t.match((await header.find(() => true)).data, { resumed: true }, 'the header wins')
})

t.test('event ids of a previous run make the client list again', async (t) => {
  const dir = await temporaryDirectory(t)
  const first = await startServer(t, { dir })
  const at = await position(first.url)
  await first.app.close()
  const second = await startServer(t, { dir })
  const feed = await openFeed(second.url, `?lastEventId=${at}`)
  t.teardown(() => feed.close())
  t.match((await feed.find(() => true)).data, { resumed: false })
})

t.test('event ids that are too old make the client list again', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const at = await position(url)
  const all = await openFeed(url)
  t.teardown(() => all.close())
  // the history is also limited by its bytes
  for (let index = 0; index < 20; index++) {
    await putTask(dir, `task_${index}_big`, { command: 'x'.repeat(1_000_000) })
    await all.find(({ data }) => data.id === `task_${index}_big`)
  }
  const feed = await openFeed(url, `?lastEventId=${at}`)
  t.teardown(() => feed.close())
  t.match((await feed.find(() => true)).data, { resumed: false })
})

t.test('a client with a filter resumes with the events that pass it', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const id of ['task_1_a', 'task_2_b']) await putTask(dir, id, { status: 'running' })
  const { url } = await startServer(t, { dir })
  const all = await openFeed(url)
  t.teardown(() => all.close())
  await all.find(({ event }) => event === 'ready')
  const at = await position(url)
  for (const id of ['task_1_a', 'task_2_b']) {
    await appendFile(join(dir, `${id}.log`), id)
    await all.find(({ event, data }) => event === 'task.log' && data.id === id)
    await putTask(dir, id, { status: 'failed' })
    await all.find(({ event, data }) => event === 'task.upsert' && data.id === id)
  }
  const seen = async (query: string): Promise<string[]> => {
    const feed = await openFeed(url, `${query}&lastEventId=${at}`)
    await putTask(dir, 'task_1_a', { status: 'failed', last: query })
    await feed.find(({ data }) => data.last === query)
    feed.close()
    return feed.messages.filter(({ data }) => data.last === undefined).map(({ event, data }) => `${event.replace('task.', '')} ${data.id ?? data.resumed}`)
  }
  t.strictSame(await seen('?task=task_1_a'), ['ready true', 'log task_1_a', 'upsert task_1_a'])
  t.strictSame(await seen('?logs=false'), ['ready true', 'upsert task_1_a', 'upsert task_2_b'])
  t.strictSame(await seen('?log=task_2_b'), ['ready true', 'upsert task_1_a', 'log task_2_b', 'upsert task_2_b'])
})

t.test('clients get different delays before they reconnect', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const times = new Set<string>()
  for (let client = 0; client < 10; client++) {
    const asked = get(`${url}/events`, { agent: false })
    const [response] = await once(asked, 'response') as [IncomingMessage]
    const [, ms] = /^retry: (\d+)\n\n/.exec(String((await once(response, 'data'))[0]))!
    t.ok(Number(ms) >= 1000 && Number(ms) < 3000)
    times.add(ms!)
    asked.destroy()
  }
  t.ok(times.size > 5)
})

t.test('clients over maxClientsPerAddress are rejected, other addresses are not', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir, maxClientsPerAddress: 2 })
  await putTask(dir, 'task_1_a', { status: 'running' })
  await untilKnown(url, 'task_1_a')
  const one = await openFeed(url)
  const two = await new EventStream(`${url}/task_1_a/log/events`).open()
  const other = await new EventStream(`${url}/events`, { localAddress: '127.0.0.2' }).open()
  t.teardown(() => { for (const stream of [one, two, other]) stream.close() })
  await other.find(({ event }) => event === 'ready')
  t.match(await (await fetch(`${url}/events`)).text(), /^retry: \d+\n\n$/)
  t.match(await (await fetch(`${url}/task_1_a/log/events`)).text(), /^retry: \d+\n\n$/)
  t.match(await (await fetch(`${url}/task_1_a/log?follow=true`)).json(), { statusCode: 503, code: 'FST_TASKS_TOO_MANY_CLIENTS' })
  t.equal((await healthOf(url)).sseClients, 3)
  two.close()
  await untilClients(url, 2)
  const three = await openFeed(url)
  t.teardown(() => three.close())
  await three.find(({ event }) => event === 'ready')
})

t.test('a feed can be limited to some tasks, and to no logs', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const one = await openFeed(url, '?task=task_1_a&task=task_2_b&logs=false')
  t.teardown(() => one.close())
  const all = await openFeed(url)
  t.teardown(() => all.close())
  for (const id of ['task_1_a', 'task_2_b', 'task_3_c']) await putTask(dir, id, { status: 'running' })
  await appendFile(join(dir, 'task_1_a.log'), 'x')
  await all.find(({ event }) => event === 'task.log')
  await putTask(dir, 'task_2_b', { status: 'failed' })
  await one.find(({ data }) => data.status === 'failed')
  t.strictSame(one.messages.slice(1).map(({ event, data }) => [event, data.id]).sort(), [['task.upsert', 'task_1_a'], ['task.upsert', 'task_2_b'], ['task.upsert', 'task_2_b']])
  t.equal((await fetch(`${url}/events?task=..%2Fx`)).status, 400)
  t.equal((await fetch(`${url}/events`, { headers: { accept: 'application/json' } })).status, 406)
})

t.test('clients over maxClients are rejected with a 200 and a long retry', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir, maxClients: 1 })
  const feed = await openFeed(url)
  const second = await fetch(`${url}/events`)
  t.match([second.status, second.headers.get('content-type'), await second.text()], [200, 'text/event-stream', /^retry: [1-3]\d{4}\n\n$/])
  feed.close()
  await untilClients(url, 0)
  const third = await openFeed(url)
  t.teardown(() => third.close())
  t.match(await third.find(() => true), { event: 'ready' })
})

t.test('a stalled client does not delay others: log chunks are skipped and it catches up later', { timeout: 60_000 }, async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const { url } = await startServer(t, { dir, clientBufferBytes: 256 * 1024 })
  const fast = await openFeed(url)
  t.teardown(() => fast.close())
  const slow = new Copy(new TasksClient(url).watch({ logs: true }))
  t.teardown(() => slow.live.close())
  let read: () => void = () => {}
  const pause = new Promise<void>((resolve) => { read = resolve })
  slow.consume(() => slow.counts.pieces > 0 ? pause : undefined).catch((error) => t.fail(error))
  await untilClients(url, 2)
  const block = 'y'.repeat(64 * 1024)
  for (let index = 0; index < 400; index++) await appendFile(join(dir, 'task_1_a.log'), block)
  const size = 400 * block.length
  await fast.find(({ event, data }) => event === 'task.log' && data.end === size)
  const { feed } = await healthOf(url)
  t.ok(feed.withheld > 0, `withheld ${feed.withheld}`)
  t.equal(feed.dropped, 0)
  read()
  await putTask(dir, 'task_1_a', { status: 'completed' })
  await waitFor(async () => await slow.difference(dir) === undefined, { describe: () => slow.difference(dir) })
  t.match(slow.counts, { disconnects: 0, truncations: 0 })
})

t.test('a client over clientBufferBytes is disconnected, and resumes', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir, clientBufferBytes: 64 * 1024 })
  const copy = new Copy(new TasksClient(url, { minDelayMs: 1 }).watch())
  t.teardown(() => copy.live.close())
  let read: () => void = () => {}
  const pause = new Promise<void>((resolve) => { read = resolve })
  copy.consume(() => copy.tasks.size > 0 ? pause : undefined).catch((error) => t.fail(error))
  await untilClients(url, 1)
  for (let index = 0; (await healthOf(url)).feed.dropped === 0; index++) await app.tasks.create({ command: 'z'.repeat(100_000), id: `task_${index}_big` })
  read()
  await waitFor(async () => await copy.difference(dir) === undefined, { describe: () => copy.difference(dir) })
  t.not(copy.counts.disconnects, 0)
})

t.test('pings carry the id, so that a client without events stays resumable', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const quiet = await new EventStream(`${url}/events?task=task_9_none`).open()
  t.teardown(() => quiet.close())
  await quiet.find(({ event }) => event === 'ready')
  await post(url, { command: 'true' })
  await waitFor(() => quiet.pings > 0, { timeout: 20_000 })
  t.equal(quiet.lastEventId, await position(url))
  t.equal(quiet.messages.length, 1)
})
