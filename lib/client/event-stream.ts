import { createParser } from 'eventsource-parser'
import { BrokenStreamError } from './errors.ts'

/** The server sends a ping every 15 s: after a longer silence the connection is dead, whatever the system says. */
const SILENCE_MS = 45_000

export interface StreamMessage {
  /** What to resume from; absent: what came before it still is. */
  readonly id: string | undefined
  /** `ping` for a comment that keeps the connection alive. */
  readonly event: string
  readonly data: string
}

/**
 * The messages of a stream of Server-Sent Events, as fast as they are taken and no faster. Ends with the stream; who
 * leaves ends it.
 * @throws BrokenStreamError
 */
export async function * readEventStream (response: Response, { onRetry, silenceMs = SILENCE_MS }: { onRetry: (ms: number) => void, silenceMs?: number }): AsyncGenerator<StreamMessage, void, undefined> {
  let messages: StreamMessage[] = []
  const parser = createParser({
    onEvent: ({ id, event = 'message', data }) => { messages.push({ id, event, data }) },
    onRetry
  })
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), silenceMs)
      if (done) return
      const text = decoder.decode(value, { stream: true })
      parser.feed(text)
      // the parser tells no ids of messages without data; one that comes in two parts is missed, which does no harm
      const ping = /: ping\nid: (\S+)\n\n$/.exec(text)
      if (ping !== null) messages.push({ id: ping[1]!, event: 'ping', data: '' })
      yield * messages
      messages = []
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

async function withinSilence<T> (read: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BrokenStreamError(`The server said nothing for ${ms} ms.`)), ms)
  })
  try {
    return await Promise.race([read, silence])
  } catch (error) {
    throw error instanceof TypeError ? new BrokenStreamError('The stream broke off.', { cause: error }) : error
  } finally {
    clearTimeout(timer)
  }
}
