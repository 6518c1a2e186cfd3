import { createParser } from 'eventsource-parser'
import { unexpectedResponse } from '../errors.ts'
import { readBody, type ReadBodyOptions } from './body.ts'

export interface StreamMessage {
  /** Position to resume from after this message; undefined: the previous one remains valid. */
  readonly id: string | undefined
  /** `ping` for a comment that keeps the connection alive. */
  readonly event: string
  readonly data: string
}

export interface EventStreamOptions extends ReadBodyOptions {
  /** Called with the reconnection delay that the server suggests. */
  readonly onRetry: (delayMs: number) => void
}

/**
 * The messages of a Server-Sent Events response, no faster than they are consumed. Leaving the loop cancels the
 * response.
 * @throws ConnectionError
 * @throws TasksError if the response is not an event stream
 */
export async function * readEventStream (response: Response, { onRetry, ...options }: EventStreamOptions): AsyncGenerator<StreamMessage, void, undefined> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) throw await unexpectedResponse(response, 'an event stream')
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
