import type { FastifyReply } from 'fastify'
import type { SelectedRange } from './select-range.ts'

const TEXT_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' }

/** @param range undefined if there is no log */
export function setLogHeaders (reply: FastifyReply, range: Pick<SelectedRange, 'start' | 'etag'> | undefined): FastifyReply {
  reply.headers(TEXT_HEADERS)
  if (range !== undefined) reply.headers({ etag: range.etag, 'accept-ranges': 'bytes', 'log-position': range.start })
  return reply
}

/** Headers of a response that grows with the log: without an ETag and a length, and not buffered by a proxy. */
export function followHeaders (range: Pick<SelectedRange, 'start'> | undefined): Record<string, string> {
  return { ...TEXT_HEADERS, 'log-position': String(range?.start ?? 0), 'x-accel-buffering': 'no' }
}
