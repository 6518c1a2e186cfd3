import { createParser } from 'eventsource-parser'
import { readBody } from './body.ts'
import { foreignAnswer } from './errors.ts'

export interface StreamMessage {
  /** What to resume from; absent: what came before it still is. */
  readonly id: string | undefined
  /** `ping` for a comment that keeps the connection alive. */
  readonly event: string
  readonly data: string
}

export interface EventStreamOptions {
  readonly onRetry: (ms: number) => void
  readonly signal: AbortSignal
  readonly silenceMs?: number
}

/**
 * The messages of a stream of Server-Sent Events, as fast as they are taken and no faster. Ends with the stream; who
 * leaves ends it.
 * @throws ConnectionError
 * @throws TasksError where it is no such stream
 */
export async function * readEventStream (response: Response, { onRetry, ...options }: EventStreamOptions): AsyncGenerator<StreamMessage, void, undefined> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) throw await foreignAnswer(response, 'a stream of events')
  let messages: StreamMessage[] = []
  const parser = createParser({
    onEvent: ({ id, event = 'message', data }) => { messages.push({ id, event, data }) },
    onRetry
  })
  const decoder = new TextDecoder()
  for await (const bytes of readBody(response, options)) {
    const text = decoder.decode(bytes, { stream: true })
    parser.feed(text)
    // the parser does not report ids of events without data; a ping split across reads is missed, which is harmless
    const ping = /: ping\n(?:id: (\S+)\n)?\n$/.exec(text)
    if (ping !== null) messages.push({ id: ping[1], event: 'ping', data: '' })
    yield * messages
    messages = []
  }
}
