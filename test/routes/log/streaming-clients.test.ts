import { once } from 'node:events'
import { appendFile, open, stat } from 'node:fs/promises'
import t from 'tap'
import { DirectoryStore } from '../../../lib/index.ts'
import { healthOf, putTask, startServer, untilClients, waitFor } from '../../helpers.ts'
import { before } from '../../protocol/fixtures/system-calls.ts'
import { Download, download, endOf, ID, MIB, openLogEvents, startTaskServer, textOf, turns, untilNoOpenFiles } from './fixtures.ts'

t.test('clients that disconnect release their slots and files', async (t) => {
  const { task, url, dir, path } = await startTaskServer(t, Buffer.alloc(30 * MIB, 'line\n'))
  const clients = await Promise.all([1, 2, 3, 4].map((number) => {
    return download(t, `${task}/log?follow=true${number % 2 === 0 ? '&tail=5' : ''}`, { read: number > 2, keep: false })
  }))
  const streams = await Promise.all([1, 2, 3, 4].map(async (number) => {
    const stream = await openLogEvents(t, task, number % 2 === 0 ? `?position=${30 * MIB}` : '')
    if (number < 3) stream.pause()
    return stream
  }))
  t.equal((await healthOf(url)).sseClients, 8)
  for (const client of [...clients, ...streams]) client.close()
  await untilClients(url, 0)
  await untilNoOpenFiles(dir)
  await appendFile(path, 'more')
  t.equal((await stat(path)).size, 30 * MIB + 4, 'the log can still be written')
})

t.test('clients that disconnect before the response release their slots and files', async (t) => {
  const { task, url, dir } = await startTaskServer(t, Buffer.alloc(30 * MIB, 'line\n'))
  for (let index = 0; index < 60; index++) {
    for (const path of ['/log?follow=true', '/log?follow=true&tail=9999999', '/log/events', '/log?tail=9999999', '/log/search?q=nothing']) {
      const client = new Download(`${task}${path}`)
      await turns(index % 30)
      client.close()
    }
  }
  await untilClients(url, 0)
  await untilNoOpenFiles(dir)
})

t.test('a client that disconnects while its task is looked up acquires no slot', async (t) => {
  const { task, app } = await startTaskServer(t, 'x\n')
  const { store } = app.tasks
  const { get } = store
  for (const path of ['/log?follow=true', '/log/events']) {
    let proceed!: () => void
    const disconnected = new Promise<void>((resolve) => { proceed = resolve })
    const requested = new Promise<void>((resolve) => {
      store.get = async (id) => {
        store.get = get
        resolve()
        await disconnected
        return await get.call(store, id)
      }
    })
    const closed = new Promise<void>((resolve) => app.server.once('request', (_request, response) => response.once('close', resolve)))
    const client = new Download(`${task}${path}`)
    await requested
    client.close()
    await closed
    proceed()
    await turns(20)
    t.equal((await app.tasks.health()).sseClients, 0, path)
  }
})

t.test('a client that disconnects in the middle of a log leaves no subscription', async (t) => {
  const { dir } = await startTaskServer(t, Buffer.alloc(20 * MIB, 'line\n'))
  const store = new DirectoryStore(dir)
  const subscriptions = new Set<object>()
  const subscribe = store.subscribe.bind(store)
  store.subscribe = (listener, interest) => {
    const [key, unsubscribe] = [{}, subscribe(listener, interest)]
    subscriptions.add(key)
    return () => {
      subscriptions.delete(key)
      unsubscribe()
    }
  }
  const { url } = await startServer(t, { store })
  await fetch(url)
  const before = subscriptions.size
  for (const path of ['log/events', 'log?follow=true']) {
    const client = await download(t, `${url}/${ID}/${path}`, { keep: false })
    await once(client.response, 'data')
    t.equal(subscriptions.size, before + 1)
    client.close()
    await waitFor(() => subscriptions.size === before, { describe: () => subscriptions.size })
  }
})

t.test('new output is read once for all followers of a log', async (t) => {
  const { task, path } = await startTaskServer(t, 'one\n')
  const clients = await Promise.all(Array.from({ length: 100 }, (_, index) => download(t, `${task}/log${index % 2 === 0 ? '?follow=true' : '/events'}`)))
  await Promise.all(clients.map((client) => client.until((text) => text.includes('one'))))
  let reads = 0
  before(t, 'open', (name: string) => { if (name === path) reads++ })
  for (let number = 0; number < 10; number++) {
    const output = Buffer.from(`line ${number} é\xff\n`, number % 2 === 0 ? 'utf8' : 'latin1')
    await appendFile(path, output)
    await Promise.all(clients.map((client) => client.until((text) => text.includes(`line ${number}`))))
  }
  t.ok(reads < 150, `${reads} reads`)
})

t.test('a client that does not read needs no memory', { timeout: 60_000 }, async (t) => {
  const { task, path } = await startTaskServer(t, '')
  const size = 200 * MIB
  const file = await open(path, 'w')
  t.teardown(() => file.close())
  const block = Buffer.alloc(MIB, `${'y'.repeat(63)}\n`)
  for (let at = 0; at < size; at += MIB) await file.write(block)
  const raw = await download(t, `${task}/log?follow=true`, { read: false, keep: false })
  const stream = await openLogEvents(t, task)
  stream.pause()
  const before = process.memoryUsage().rss
  // enough time for the server to read all of it twice
  for (let round = 0; round < 2; round++) {
    const other = await download(t, `${task}/log`, { keep: false })
    t.match([await other.end, other.size], ['complete', size])
  }
  const grown = process.memoryUsage().rss - before
  t.ok(grown < 100 * MIB, `the memory grew by ${Math.round(grown / MIB)} MiB`)
  t.ok(stream.messages.length < 100, `${stream.messages.length} messages`)
  raw.close()
})

t.test('a slow reader receives every byte in order', { timeout: 60_000 }, async (t) => {
  const { task, dir, path } = await startTaskServer(t)
  const raw = await download(t, `${task}/log?follow=true`, { read: false })
  const stream = await openLogEvents(t, task)
  let log = ''
  for (let part = 0; part < 60; part++) {
    const text = Array.from({ length: 2000 }, (_, index) => `${part} ${index} ${'日本é'.repeat(index % 7)}\n`).join('')
    log += text
    await appendFile(path, text)
    if (part % 10 === 0) stream.resume()
    else if (part % 10 === 1) stream.pause()
  }
  await putTask(dir, ID, { status: 'completed' })
  stream.resume()
  raw.read()
  t.match(await endOf(stream), { id: `${Buffer.byteLength(log)}-end` })
  t.equal(textOf(stream) === log, true)
  t.equal(stream.messages.some(({ data }) => data.lossy === true || data.truncated === true), false)
  t.equal(await raw.end, 'complete')
  t.equal(String(raw.bytes) === log, true)
})

t.test('followers over maxClients are rejected with 503, event streams with a long retry', async (t) => {
  const { task, url } = await startTaskServer(t, 'x\n', { maxClients: 2 })
  const raw = await download(t, `${task}/log?follow=true`)
  await openLogEvents(t, task)
  const rejected = await fetch(`${task}/log?follow=true&tail=1`)
  t.match([rejected.status, rejected.headers.get('content-type'), rejected.headers.get('etag'), await rejected.json()],
    [503, 'application/json; charset=utf-8', null, { statusCode: 503, code: 'FST_TASKS_TOO_MANY_CLIENTS' }])
  const stream = await fetch(`${task}/log/events`)
  t.match([stream.status, stream.headers.get('content-type'), await stream.text()], [200, 'text/event-stream', /^retry: [1-3]\d{4}\n\n$/])
  const feed = await fetch(`${url}/events`)
  t.match(await feed.text(), /^retry: [1-3]\d{4}\n\n$/, 'the feed shares the limit')
  t.equal((await fetch(`${task}/log`)).status, 200, 'a request that does not stream needs no slot')
  raw.close()
  await untilClients(url, 1)
  await (await download(t, `${task}/log?follow=true`)).until((text) => text === 'x\n')
})

t.test('followers over maxClientsPerAddress are rejected, other addresses are not', async (t) => {
  const { task, url } = await startTaskServer(t, 'x\n', { maxClientsPerAddress: 2 })
  const from = async (localAddress: string) => await download(t, `${task}/log?follow=true`, { localAddress })
  const first = await from('127.0.0.1')
  t.equal((await from('127.0.0.1')).response.statusCode, 200)
  t.equal((await from('127.0.0.1')).response.statusCode, 503)
  t.equal((await from('127.0.0.2')).response.statusCode, 200)
  t.equal((await from('127.0.0.2')).response.statusCode, 200)
  t.equal((await from('127.0.0.2')).response.statusCode, 503)
  first.close()
  await untilClients(url, 3)
  t.equal((await from('127.0.0.1')).response.statusCode, 200)
  t.equal((await from('127.0.0.2')).response.statusCode, 503)
})
