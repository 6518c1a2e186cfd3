import { appendFile, link, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openFeed, putTask, temporaryDirectory } from '../../helpers.ts'
import { ID, startTaskServer } from './fixtures.ts'

interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly text: string
}

type GetLog = (headers: Record<string, string>, query?: string) => Promise<Answer>

function getFrom (task: string): GetLog {
  return async (headers, query = '') => {
    const response = await fetch(`${task}/log${query}`, { headers })
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  }
}

t.test('GET without a range returns the log with a strong entity tag', async (t) => {
  const { task } = await startTaskServer(t, '0123456789')
  const whole = await getFrom(task)({})
  t.match(whole, { status: 200, text: '0123456789', headers: { 'accept-ranges': 'bytes', 'log-position': '0', 'content-length': '10', 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' } })
  t.match(whole.headers.etag, /^"[^"]+"$/)
})

for (const status of ['running', 'completed']) {
  t.test(`a hard link under the name of the log of a ${status} task is not served`, async (t) => {
    const secret = join(await temporaryDirectory(t), 'secret')
    await writeFile(secret, 'secret\n')
    const { app, url, task, dir, path } = await startTaskServer(t, undefined, { status })
    const feed = await openFeed(url)
    t.teardown(() => feed.close())
    await link(secret, path)
    for (const query of ['', '?tail=1', '?position=0']) {
      const { status, text, headers } = await getFrom(task)({}, query)
      t.strictSame([status, text, headers['log-position']], [404, '', undefined], query)
    }
    t.strictSame(await (await fetch(`${task}/log/search?q=secret`)).json(), { matches: [], next: null })
    t.equal(await app.tasks.readLog(ID), undefined)
    const events = await fetch(`${task}/log/events`)
    const follow = await fetch(`${task}/log?follow=true`)
    await putTask(dir, ID, { status: 'failed' })
    t.notMatch(await events.text(), 'secret')
    t.equal(await follow.text(), '')
    await feed.find(({ data }) => data.status === 'failed')
    t.notOk(feed.messages.some(({ data }) => data.chunk), JSON.stringify(feed.messages))
    await unlink(secret)
    t.match(await getFrom(task)({}), { status: 200, text: 'secret\n' })
  })
}

t.test('GET with a range returns 206 and these bytes', async (t) => {
  const { task } = await startTaskServer(t, '0123456789')
  const get = getFrom(task)
  const etag = (await get({})).headers.etag!
  const parts: Array<[range: string, part: string, contentRange: string]> = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-5', '2345', 'bytes 2-5/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=7-99', '789', 'bytes 7-9/10'],
    ['bytes=-4', '6789', 'bytes 6-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=0-', '0123456789', 'bytes 0-9/10']
  ]
  for (const [range, text, contentRange] of parts) {
    t.match(await get({ range }), { status: 206, text, headers: { 'content-range': contentRange, 'content-length': String(text.length), etag, 'log-position': contentRange.slice(6).split('-')[0]! } }, range)
    t.match(await get({ range, 'if-range': etag }), { status: 206, text }, `${range}, with the current tag in If-Range`)
  }
})

t.test('a range past the end of the log is rejected with 416 and the size', async (t) => {
  const { task, path } = await startTaskServer(t, '0123456789')
  const get = getFrom(task)
  for (const range of ['bytes=10-', 'bytes=10-12', 'bytes=-0', 'bytes=-00']) {
    const { status, headers, text } = await get({ range })
    t.match([status, headers['content-range'], JSON.parse(text)], [416, 'bytes */10', { statusCode: 416, code: 'FST_TASKS_RANGE' }], range)
    t.match(headers['content-type'], /json/)
  }
  await truncate(path)
  t.match(await get({ range: 'bytes=0-' }), { status: 416, headers: { 'content-range': 'bytes */0' } })
  t.match(await get({}), { status: 200, text: '', headers: { 'content-length': '0', 'log-position': '0' } }, 'an empty log without a range')
})

t.test('several, malformed and unknown ranges are ignored', async (t) => {
  const { task } = await startTaskServer(t, '0123456789')
  const get = getFrom(task)
  for (const range of ['bytes=0-1,4-5', 'bytes=5-2', 'lines=0-1', 'bytes=x-', 'bytes', '']) {
    const { status, headers, text } = await get({ range })
    t.strictSame([status, headers['content-range'], text], [200, undefined, '0123456789'], range)
  }
})

t.test('a range is ignored unless If-Range is the current strong tag', async (t) => {
  const { task, path } = await startTaskServer(t, '0123456789')
  const get = getFrom(task)
  const etag = (await get({})).headers.etag!
  for (const tag of ['"other"', `W/${etag}`, 'Wed, 21 Oct 2015 07:28:00 GMT', `${etag}, "b"`]) {
    t.match(await get({ range: 'bytes=2-5', 'if-range': tag }), { status: 200, text: '0123456789' }, `If-Range: ${tag}`)
  }
  await appendFile(path, 'x')
  t.match(await get({ range: 'bytes=2-5', 'if-range': etag }), { status: 200 }, 'the log has changed')
})

t.test('a range is ignored with position and tail', async (t) => {
  const { task } = await startTaskServer(t, '0123456789')
  const get = getFrom(task)
  t.match(await get({ range: 'bytes=2-5' }, '?position=8'), { status: 200, text: '89' })
  t.match(await get({ range: 'bytes=2-5' }, '?tail=1'), { status: 200, text: '0123456789' })
})

t.test('If-None-Match with the current tag returns 304, until the log changes', async (t) => {
  const { task, path } = await startTaskServer(t, '0123456789')
  const get = getFrom(task)
  const etag = (await get({})).headers.etag!
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const { status, headers, text } = await get({ 'if-none-match': tag, range: 'bytes=2-5' })
    t.strictSame([status, headers.etag, text], [304, etag, ''], `If-None-Match: ${tag}`)
  }
  await appendFile(path, 'x')
  const grown = await get({ 'if-none-match': etag })
  t.match([grown.status, grown.text, grown.headers.etag === etag], [200, '0123456789x', false])
})
