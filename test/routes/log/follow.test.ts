import { appendFile, readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { healthOf, putTask, untilClients } from '../../helpers.ts'
import { download, ID, startTaskServer } from './fixtures.ts'

t.test('following waits for the log, and answers with headers for an endless text', async (t) => {
  const { task, url } = await startTaskServer(t)
  const client = await download(t, `${task}/log?follow=true`)
  t.match([client.response.statusCode, client.response.headers], [200, {
    'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'transfer-encoding': 'chunked', 'x-accel-buffering': 'no', 'log-position': '0', etag: undefined
  }])
  t.equal((await healthOf(url)).sseClients, 1)
})

t.test('followers receive each byte from their position until the task finishes', async (t) => {
  const { task, url, dir, path } = await startTaskServer(t)
  const first = await download(t, `${task}/log?follow=true`)
  await writeFile(path, 'one\n')
  await first.until((text) => text === 'one\n')
  const second = await download(t, `${task}/log?follow=1`)
  await second.until((text) => text === 'one\n')
  const third = await download(t, `${task}/log?follow=true&position=2`)
  await third.until((text) => text === 'e\n')
  await appendFile(path, Buffer.from([0xff, 0x0a]))
  await first.until((text) => text.length === 6)
  await appendFile(path, 'two\n')
  const tail = await download(t, `${task}/log?follow=true&tail=1`)
  await tail.until((text) => text === 'two\n')
  t.match([tail.response.headers['log-position'], third.response.headers['log-position']], ['6', '2'])
  await appendFile(path, 'end')
  await putTask(dir, ID, { status: 'completed' })
  for (const { end } of [first, second, third, tail]) t.equal(await end, 'complete')
  const log = await readFile(path)
  t.strictSame([first.bytes, second.bytes, third.bytes, tail.bytes], [log, log, log.subarray(2), log.subarray(6)])
  await untilClients(url, 0)
})

t.test('following a finished task returns its log and ends', async (t) => {
  const { task } = await startTaskServer(t, 'one\ntwo\n', { status: 'completed' })
  const client = await download(t, `${task}/log?follow=true`)
  t.match([await client.end, String(client.bytes)], ['complete', 'one\ntwo\n'])
  t.equal(await (await fetch(`${task}/log?follow=true&tail=0`)).text(), '')
})

t.test('follow=false returns the log as it is', async (t) => {
  const { task } = await startTaskServer(t, 'one\n')
  t.match(await (await fetch(`${task}/log?follow=false`)).arrayBuffer(), { byteLength: 4 })
})

t.test('following from a position past the end is rejected with 416', async (t) => {
  const { task } = await startTaskServer(t, 'one\n')
  t.match(await (await fetch(`${task}/log?follow=true&position=99`)).json(), { statusCode: 416, code: 'FST_TASKS_POSITION' })
})

t.test('HEAD with follow has no length, because the final length is unknown', async (t) => {
  const { task } = await startTaskServer(t, 'one\n')
  const head = await fetch(`${task}/log?follow=true`, { method: 'HEAD' })
  t.match([head.status, head.headers.get('content-length')], [200, null])
})
