import { untyped } from './context.ts'

/** Answers a HEAD request for a stream of Server-Sent Events. */
export async function sendStreamHead<R extends object> (reply: R): Promise<R> {
  untyped(reply).headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' }).send()
  return reply
}
