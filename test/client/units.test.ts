import t from 'tap'
import { Backoff, delay } from '../../lib/client/backoff.ts'
import { ConnectionError, isTransient, TasksError } from '../../lib/client/errors.ts'
import { readEventStream, type StreamMessage } from '../../lib/client/event-stream.ts'

const SSE = { 'content-type': 'text/event-stream' }
const { signal } = new AbortController()

function streamOf (...parts: Uint8Array[]): Response {
  return new Response(new ReadableStream({
    start (controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    }
  }), { headers: SSE })
}

async function messagesOf (...parts: Uint8Array[]): Promise<StreamMessage[]> {
  const messages: StreamMessage[] = []
  for await (const message of readEventStream(streamOf(...parts), { signal, onRetry: () => {} })) messages.push(message)
  return messages
}

t.test('messages, wherever the stream is cut, and the ids of pings', async (t) => {
  const bytes = Buffer.from('retry: 5\n\nid: a-1\nevent: ready\ndata: {"ä": "🙂"}\n\n: ping\nid: a-2\n\n')
  const expected = [{ id: 'a-1', event: 'ready', data: '{"ä": "🙂"}' }, { id: 'a-2', event: 'ping', data: '' }]
  t.strictSame(await messagesOf(bytes), expected)
  for (let at = 1; at < bytes.length; at++) t.match(await messagesOf(bytes.subarray(0, at), bytes.subarray(at)), expected.slice(0, 1))
  let retry = 0
  for await (const message of readEventStream(streamOf(bytes), { signal, onRetry: (ms) => { retry = ms } })) t.ok(message)
  t.equal(retry, 5)
})

t.test('a stream that says nothing is broken', async (t) => {
  let cancelled = false
  const silent = new Response(new ReadableStream({ cancel () { cancelled = true } }), { headers: SSE })
  await t.rejects(readEventStream(silent, { signal, onRetry: () => {}, silenceMs: 20 }).next(), ConnectionError)
  t.ok(cancelled)
})

t.test('waiting longer each time, within bounds, as the server asks', async (t) => {
  const backoff = new Backoff({ minDelayMs: 100, maxDelayMs: 1000 })
  for (const [least, most] of [[50, 100], [100, 200], [200, 400], [400, 800], [500, 1000], [500, 1000]] as const) {
    const ms = backoff.next()
    t.ok(ms >= least && ms <= most, `${ms}`)
  }
  backoff.reset()
  t.ok(backoff.next() <= 100)
  t.equal(backoff.next(new TasksError('', { statusCode: 429, retryAfterMs: 5000 })), 5000)
  const asked = new Backoff({})
  asked.retryMs = 2000
  const ms = asked.next()
  t.ok(ms >= 1000 && ms <= 2000)
  t.equal(new Set(Array.from({ length: 20 }, () => new Backoff({}).next())).size, 20)
  await t.rejects(delay(1e6, AbortSignal.timeout(1)), { name: 'TimeoutError' })
})

t.test('what may be tried again', async (t) => {
  for (const statusCode of [408, 429, 500, 502, 503, 504]) t.ok(isTransient(new TasksError('', { statusCode })), `${statusCode}`)
  for (const statusCode of [400, 401, 403, 404, 409, 413, 416, 501, 507]) t.notOk(isTransient(new TasksError('', { statusCode })), `${statusCode}`)
  t.ok(isTransient(new ConnectionError()))
  t.notOk(isTransient(new TypeError()))
  t.ok(isTransient(new TasksError('', { statusCode: 404 }), { worked: true }), 'a proxy without its server')
  t.notOk(isTransient(new TasksError('', { statusCode: 404, code: 'FST_TASKS_NOT_FOUND' }), { worked: true }))
})
