import t from 'tap'
import { ConnectionError } from '../../lib/client/errors.ts'
import { readEventStream, type StreamMessage } from '../../lib/client/http/event-stream.ts'

const EVENT_STREAM = { 'content-type': 'text/event-stream' }
const { signal } = new AbortController()
const ignoreRetry = () => {}

const BYTES = Buffer.from('retry: 5\n\nid: a-1\nevent: ready\ndata: {"ä": "🙂"}\n\n: ping\nid: a-2\n\n')
const MESSAGES = [{ id: 'a-1', event: 'ready', data: '{"ä": "🙂"}' }, { id: 'a-2', event: 'ping', data: '' }]

function streamOf (...chunks: Uint8Array[]): Response {
  return new Response(new ReadableStream({
    start (controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    }
  }), { headers: EVENT_STREAM })
}

async function messagesOf (...chunks: Uint8Array[]): Promise<StreamMessage[]> {
  const messages: StreamMessage[] = []
  for await (const message of readEventStream(streamOf(...chunks), { signal, onRetry: ignoreRetry })) messages.push(message)
  return messages
}

t.test('readEventStream yields messages, and pings with their ids', async (t) => {
  t.strictSame(await messagesOf(BYTES), MESSAGES)
})

t.test('readEventStream yields messages that are split across reads at any byte', async (t) => {
  for (let at = 1; at < BYTES.length; at++) {
    t.match(await messagesOf(BYTES.subarray(0, at), BYTES.subarray(at)), MESSAGES.slice(0, 1), `split at ${at}`)
  }
})

t.test('readEventStream reports the reconnection delay of the server', async (t) => {
  const delays: number[] = []
  for await (const message of readEventStream(streamOf(BYTES), { signal, onRetry: (delayMs) => { delays.push(delayMs) } })) t.ok(message)
  t.strictSame(delays, [5])
})

t.test('readEventStream rejects and cancels a stream without data for silenceMs', async (t) => {
  let cancelled = false
  const silent = new Response(new ReadableStream({ cancel () { cancelled = true } }), { headers: EVENT_STREAM })
  await t.rejects(readEventStream(silent, { signal, onRetry: ignoreRetry, silenceMs: 20 }).next(), ConnectionError)
  t.ok(cancelled)
})

t.test('readEventStream rejects a response of another content type', async (t) => {
  const page = new Response('<form>Log in</form>', { headers: { 'content-type': 'text/html' } })
  await t.rejects(readEventStream(page, { signal, onRetry: ignoreRetry }).next(), { name: 'TasksError', statusCode: 200, message: /Expected an event stream/ })
})
