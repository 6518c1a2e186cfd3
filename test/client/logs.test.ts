import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Http } from '../../lib/client/http/http.ts'
import { LogReader, type LogPiece } from '../../lib/client/log/log-reader.ts'
import { putTask } from '../helpers.ts'
import { BACKOFF, clientWithTask, textOf } from './fixtures.ts'
import { Items } from './items.ts'

t.test('readLog returns undefined for a task without a log', async (t) => {
  const { client } = await clientWithTask(t)
  t.equal(await client.readLog('task_1_a'), undefined)
  t.equal(await client.readLog('task_1_a', { end: 5 }), undefined)
})

t.test('readLog of a task that does not exist rejects with FST_TASKS_NOT_FOUND', async (t) => {
  const { client } = await clientWithTask(t)
  await t.rejects(client.readLog('task_2_none'), { code: 'FST_TASKS_NOT_FOUND' })
  await t.rejects(client.readLog('task_2_none', { end: 5 }), { code: 'FST_TASKS_NOT_FOUND' })
})

for (const [options, start, end, text] of [
  [{}, 0, 10, '0123456789'],
  [{ start: 3 }, 3, 10, '3456789'],
  [{ end: 4 }, 0, 4, '0123'],
  [{ start: 2, end: 5 }, 2, 5, '234'],
  [{ start: 8, end: 108 }, 8, 10, '89'],
  [{ start: 4, end: 4 }, 4, 4, ''],
  [{ start: 4, end: 2 }, 4, 4, ''],
  [{ start: 10, end: 11 }, 10, 10, ''],
  [{ start: 12 }, 10, 10, ''],
  [{ start: 12, end: 15 }, 10, 10, ''],
  [{ tail: 0 }, 10, 10, '']
] as const) {
  t.test(`readLog with ${JSON.stringify(options)} returns bytes ${start} to ${end} of 10`, async (t) => {
    const { client } = await clientWithTask(t, { log: '0123456789' })
    const log = (await client.readLog('task_1_a', options))!
    t.match(log, { start, end, size: 10 })
    t.equal(await textOf(log.body), text)
  })
}

t.test('readLog with tail returns the last lines', async (t) => {
  const { client } = await clientWithTask(t, { log: 'one\ntwo\nthree\n' })
  const log = (await client.readLog('task_1_a', { tail: 1 }))!
  t.match(log, { start: 8, end: 14, size: 14 })
  t.equal(await textOf(log.body), 'three\n')
})

t.test('readLog rejects tail together with start or end', async (t) => {
  const { client } = await clientWithTask(t, { log: 'text' })
  await t.rejects(client.readLog('task_1_a', { tail: 1, start: 0 }), TypeError)
  await t.rejects(client.readLog('task_1_a', { tail: 1, end: 1 }), TypeError)
})

t.test('readLog rejects options that are not non-negative integers', async (t) => {
  const { client } = await clientWithTask(t, { log: 'text' })
  for (const options of [{ start: -1 }, { end: 1.5 }, { tail: NaN }]) await t.rejects(client.readLog('task_1_a', options), RangeError)
})

t.test('logSize returns undefined for a task without a log', async (t) => {
  const { client } = await clientWithTask(t)
  t.equal(await client.logSize('task_1_a'), undefined)
})

t.test('logSize returns the current size', async (t) => {
  const { dir, client } = await clientWithTask(t, { log: '' })
  t.equal(await client.logSize('task_1_a'), 0)
  await writeFile(join(dir, 'task_1_a.log'), '0123456789')
  t.equal(await client.logSize('task_1_a'), 10)
})

t.test('logSize of a task that does not exist rejects with FST_TASKS_NOT_FOUND', async (t) => {
  const { client } = await clientWithTask(t)
  await t.rejects(client.logSize('task_2_none'), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('searchLog returns the last matches first, and continues before an offset', async (t) => {
  const { client } = await clientWithTask(t, { log: 'one\ntwo\nthree\n' })
  t.strictSame(await client.searchLog('task_1_a', 'T', { limit: 1 }), { matches: [{ offset: 8, line: 'three' }], next: 8 })
  t.strictSame(await client.searchLog('task_1_a', 't', { before: 8 }), { matches: [{ offset: 4, line: 'two' }], next: null })
})

t.test('followLog yields the bytes from a position, and as they are appended, until the task finishes', async (t) => {
  const { dir, client } = await clientWithTask(t, { log: 'zero\none\n' })
  const log = new Items(client.followLog('task_1_a', { position: 5 }))
  t.strictSame(await log.next(), { offset: 5, bytes: new Uint8Array(Buffer.from('one\n')) })
  await appendFile(join(dir, 'task_1_a.log'), Buffer.from([0xff, 0x0a]))
  t.strictSame(await log.next(), { offset: 9, bytes: new Uint8Array([0xff, 0x0a]) })
  await putTask(dir, 'task_1_a', { status: 'failed' })
  t.strictSame(await log.end(), { status: 'failed' })
})

t.test('followLog yields a truncated piece, and then the new log, after a rewrite', async (t) => {
  const { dir, client } = await clientWithTask(t, { log: 'zero\none\n' })
  const log = new Items(client.followLog('task_1_a'))
  await log.next()
  await writeFile(join(dir, 'task_1_a.log'), 'new\n')
  t.strictSame(await log.next(), { offset: 0, bytes: new Uint8Array(0), truncated: true })
  t.strictSame(await log.next(), { offset: 0, bytes: new Uint8Array(Buffer.from('new\n')) })
  await putTask(dir, 'task_1_a', { status: 'completed' })
  t.strictSame(await log.end(), { status: 'completed' })
  t.equal(log.seen.length, 3)
})

t.test('followLog returns null as the status of a task that is deleted', async (t) => {
  const { client } = await clientWithTask(t, { log: 'text' })
  const log = new Items(client.followLog('task_1_a'))
  await log.next()
  await client.delete('task_1_a', { force: true })
  t.strictSame(await log.end(), { status: null })
})

t.test('followLog of a task that does not exist rejects with FST_TASKS_NOT_FOUND', async (t) => {
  const { client } = await clientWithTask(t)
  await t.rejects(client.followLog('task_2_none').next(), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('a size update shows that the log was rewritten, at any size', async (t) => {
  const { dir, url } = await clientWithTask(t, { log: 'first text' })
  const log = join(dir, 'task_1_a.log')
  const reader = new LogReader(new Http(url, BACKOFF), 'task_1_a')
  const { signal } = new AbortController()
  const read = async (pieces: AsyncIterable<LogPiece>) => {
    const texts: string[] = []
    for await (const { bytes, truncated } of pieces) texts.push(truncated === true ? 'truncated' : Buffer.from(bytes).toString())
    return texts
  }
  t.strictSame(await read(reader.catchUp(signal)), ['first text'])
  t.strictSame(await read(reader.apply({ offset: 10, end: 10, chunk: '' }, signal)), [], 'it is unchanged')
  for (const text of ['other text', 'a text that is longer', 'short', '']) {
    await writeFile(log, text)
    t.strictSame(await read(reader.apply({ offset: text.length, end: text.length, chunk: '' }, signal)), ['truncated', ...text === '' ? [] : [text]], text)
  }
})
