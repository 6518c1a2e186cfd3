import { appendFile } from 'node:fs/promises'
import t from 'tap'
import { putTask, startServer, untilKnown, waitFor } from '../../helpers.ts'
import { endOf, ID, openLogEvents, startTaskServer, textOf, turns } from './fixtures.ts'

t.test('the events of a log are contiguous and cut at character boundaries', async (t) => {
  const { task, path } = await startTaskServer(t)
  const stream = await openLogEvents(t, task)
  t.match([stream.response.statusCode, stream.response.headers], [200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' }])
  const text = 'aé日😀\n'
  for (const byte of Buffer.from(text)) {
    await appendFile(path, Buffer.from([byte]))
    await turns(1)
  }
  await stream.until(() => textOf(stream) === text)
  for (const { id, event, data } of stream.messages) {
    t.match([id, event, Object.keys(data)], [String(data.end), 'message', ['offset', 'end', 'chunk']])
    t.equal(Buffer.byteLength(data.chunk), data.end - data.offset)
  }
})

t.test('bytes that are not UTF-8 are sent as lossy text', async (t) => {
  const { task, path } = await startTaskServer(t, 'é')
  const stream = await openLogEvents(t, task)
  await stream.find(({ data }) => data.chunk === 'é')
  await appendFile(path, Buffer.from([0xff, 0x41, 0x0a]))
  const lossy = await stream.find(({ data }) => data.lossy === true)
  t.strictSame(lossy, { id: '5', event: 'message', data: { offset: 2, end: 5, chunk: '\ufffdA\n', lossy: true } })
})

t.test('an incomplete character waits for its remaining bytes, or for the end of the task', async (t) => {
  const { task, dir, path } = await startTaskServer(t, '')
  const stream = await openLogEvents(t, task)
  await appendFile(path, Buffer.from([0x62, 0xf0, 0x9f]))
  await stream.find(({ data }) => data.chunk === 'b')
  await putTask(dir, ID, { status: 'cancelled' })
  t.strictSame(await endOf(stream), { id: '3-end', event: 'end', data: { status: 'cancelled' } })
  t.strictSame(stream.messages.at(-2), { id: '3', event: 'message', data: { offset: 1, end: 3, chunk: '\ufffd', lossy: true } })
  await waitFor(() => stream.closed)
  t.equal(stream.response.complete, true)
})

t.test('a stream of events resumes at the client\'s position', async (t) => {
  const { task, app, dir, path } = await startTaskServer(t, 'one\ntwé\n')
  const first = await openLogEvents(t, task)
  await first.until(() => textOf(first) === 'one\ntwé\n')
  first.close()
  await appendFile(path, 'three\n')
  const firstMessage = async (query: string, headers: Record<string, string> = {}, url = task) => {
    const stream = await openLogEvents(t, url, query, headers)
    const { id, data } = await stream.find(() => true)
    stream.close()
    return [id, data.offset, data.chunk, data.truncated]
  }
  const rest = ['15', 9, 'three\n', undefined]
  t.strictSame(await firstMessage('', { 'last-event-id': first.lastEventId }), rest)
  t.strictSame(await firstMessage('?lastEventId=9'), rest)
  t.strictSame(await firstMessage('?position=9'), rest)
  t.strictSame(await firstMessage('?lastEventId=4&position=2', { 'last-event-id': '9' }), rest, 'the header takes precedence')
  t.strictSame(await firstMessage('?lastEventId=9&position=2'), rest)
  t.strictSame(await firstMessage('?lastEventId=&position=9', { 'last-event-id': '' }), rest)
  t.strictSame(await firstMessage('?lastEventId=9-end'), rest, 'the task is still running')
  t.strictSame(await firstMessage('?position=0'), ['15', 0, 'one\ntwé\nthree\n', undefined])
  t.strictSame(await firstMessage('?position=8'), ['15', 8, '\nthree\n', undefined])
  await app.close()
  const second = await startServer(t, { dir })
  t.strictSame(await firstMessage('', { 'last-event-id': first.lastEventId }, `${second.url}/${ID}`), rest, 'after a restart')
})

t.test('an unknown position makes the client start over', async (t) => {
  const { task } = await startTaskServer(t, 'one\ntwé\nthree\n')
  for (const id of ['x', '-1', '1.5', '9-ende', 'abc-12', '99', '99-end', '1'.repeat(16), '9 9', '0x9']) {
    for (const [query, headers] of [[`?lastEventId=${id}`, {}], ['', { 'last-event-id': id }]] as const) {
      const stream = await openLogEvents(t, task, query, headers)
      await stream.until(() => stream.messages.length > 1)
      t.strictSame(stream.messages.slice(0, 2).map(({ id, data }) => [id, data.offset, data.chunk, data.truncated]), [['0', 0, '', true], ['15', 0, 'one\ntwé\nthree\n', undefined]], id)
      stream.close()
    }
  }
})

t.test('invalid queries of the events are rejected with 400', async (t) => {
  const { task } = await startTaskServer(t, 'x')
  for (const query of ['position=x', 'position=-1', `lastEventId=${'1'.repeat(101)}`, 'what=1']) {
    t.match(await (await fetch(`${task}/log/events?${query}`)).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION' }, query)
  }
})

async function reconnect (task: string, id: string): Promise<Response> {
  return await fetch(`${task}/log/events`, { headers: { 'last-event-id': id, accept: 'text/event-stream' } })
}

t.test('a client that has received the end gets 204, and stops reconnecting', async (t) => {
  const { task } = await startTaskServer(t, 'one\n', { status: 'failed' })
  const first = await openLogEvents(t, task)
  t.strictSame(await endOf(first), { id: '4-end', event: 'end', data: { status: 'failed' } })
  const known = await reconnect(task, '4-end')
  t.match([known.status, await known.text()], [204, ''])
  t.equal((await fetch(`${task}/log/events?lastEventId=4-end`)).status, 204)
})

t.test('a client that has not received the end gets it', async (t) => {
  const { task } = await startTaskServer(t, 'one\n', { status: 'failed' })
  const response = await reconnect(task, '4')
  t.match([response.status, await response.text()], [200, /^retry: \d+\n\nid: 4-end\nevent: end\ndata: {"status":"failed"}\n\n$/])
})

t.test('a log that grows after the end is sent again from there', async (t) => {
  const { task, dir, path } = await startTaskServer(t, 'one\n', { status: 'failed' })
  await appendFile(path, 'more')
  t.match(await (await reconnect(task, '4-end')).text(), /id: 8\ndata: {"offset":4,"end":8,"chunk":"more"}\n\nid: 8-end\nevent: end/)
  await putTask(dir, ID, { status: 'running', again: true })
  await waitFor(async () => (await (await fetch(task)).json() as { status: string }).status === 'running', { every: 1 })
  const running = await openLogEvents(t, task, '', { 'last-event-id': '8-end' })
  await appendFile(path, '!')
  t.strictSame((await running.find(() => true)).data, { offset: 8, end: 9, chunk: '!' }, 'the task runs again')
})

t.test('a finished task without a log, or with an unknown status, sends its end once', async (t) => {
  const { url, dir } = await startTaskServer(t)
  for (const [id, status, expected] of [['task_2_none', 'cancelled', 'cancelled'], ['task_3_own', 'paused', null]] as const) {
    await putTask(dir, id, { status })
    await untilKnown(url, id)
    const stream = await openLogEvents(t, `${url}/${id}`)
    t.strictSame(await endOf(stream), { id: '0-end', event: 'end', data: { status: expected } })
    t.equal((await reconnect(`${url}/${id}`, '0-end')).status, 204, id)
    t.equal((await reconnect(`${url}/${id}`, '9-end')).status, 200)
  }
})

t.test('HEAD of the events returns the headers of a stream', async (t) => {
  const { task } = await startTaskServer(t, 'x')
  const head = await fetch(`${task}/log/events`, { method: 'HEAD' })
  t.match([head.status, head.headers.get('content-type'), head.headers.get('cache-control')], [200, 'text/event-stream', 'no-cache, no-transform'])
})

t.test('a client that does not accept event streams is rejected with 406', async (t) => {
  const { task } = await startTaskServer(t, 'x')
  for (const accept of ['application/json', 'text/html', 'text/event-stream;q=0']) {
    t.equal((await fetch(`${task}/log/events`, { headers: { accept } })).status, 406, accept)
  }
})
