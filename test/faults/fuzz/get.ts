import { request, type IncomingHttpHeaders } from 'node:http'
import { withDeadline } from '../../with-deadline.ts'

export interface Answer {
  /** 0: the client left before the answer. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

interface GetOptions {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Record<string, string>
  /** The client leaves after this time. */
  readonly ms?: number
  /** The client leaves after that many bytes. */
  readonly maxBytes?: number
}

/** Reads an answer, or a part of it, by a connection of its own. */
export async function get (url: string, { method = 'GET', headers = {}, ms, maxBytes = Infinity }: GetOptions = {}): Promise<Answer> {
  const sent = request(url, { method, headers, agent: false })
  let answer: Answer = { status: 0, headers: {}, body: Buffer.alloc(0) }
  const parts: Buffer[] = []
  const ended = new Promise<void>((resolve) => {
    sent.on('error', () => {})
    sent.once('close', resolve)
    sent.once('response', (response) => {
      answer = { ...answer, status: response.statusCode!, headers: response.headers }
      let length = 0
      response.on('error', () => {})
      response.on('data', (part: Buffer) => {
        parts.push(part)
        length += part.length
        if (length >= maxBytes) sent.destroy()
      })
    })
  })
  sent.end()
  const timer = ms === undefined ? undefined : setTimeout(() => sent.destroy(), ms)
  await withDeadline(ended, () => `no answer for ${url}`)
  clearTimeout(timer)
  return { ...answer, body: Buffer.concat(parts) }
}
