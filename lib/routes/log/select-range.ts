import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import { FST_TASKS_POSITION, FST_TASKS_RANGE, FST_TASKS_VALIDATION } from '../../errors.ts'
import { startOfLastLines } from '../../log/last-lines.ts'
import { isTrue, type LogQuery } from '../../shared/api-schemas.ts'
import type { TaskStore } from '../../store.ts'
import { matchesTag } from '../entity-tag.ts'
import { existingTask } from '../existing-task.ts'
import { closeSignal } from './close-signal.ts'
import { describeLog, type LogDescription } from './describe-log.ts'
import { parseRange } from './range-header.ts'

/** The part of a log that a request selects. */
export interface SelectedRange extends LogDescription {
  /** Byte offset of the first byte. */
  readonly start: number
  /** Byte offset after the last byte; only if the request has a `Range` header. */
  readonly end?: number
}

export interface LogRequest {
  readonly id: string
  readonly query: LogQuery
  readonly headers: IncomingHttpHeaders
}

/**
 * @returns undefined if there is no log (yet)
 * @throws FST_TASKS_VALIDATION, FST_TASKS_NOT_FOUND, FST_TASKS_POSITION, FST_TASKS_RANGE
 */
export async function selectRange (reply: FastifyReply, store: TaskStore, { id, query, headers }: LogRequest): Promise<SelectedRange | undefined> {
  if (query.position !== undefined && query.tail !== undefined) {
    throw new FST_TASKS_VALIDATION('querystring must have position or tail, not both')
  }
  await existingTask(store, id)
  const log = await describeLog(store, id)
  if (log === undefined) return undefined
  if (query.tail !== undefined) {
    const start = await startOfLastLines(store, id, { lines: Number(query.tail), end: log.size, signal: closeSignal(reply) })
    return { ...log, start }
  }
  const start = Number(query.position ?? 0)
  if (start > log.size) throw beyondEnd(reply, log.size, start)
  // `Range` is ignored with `position` or `follow`, because it would then apply to another part on every request
  if (query.position !== undefined || isTrue(query.follow)) return { ...log, start }
  return { ...log, start, ...rangeOf(reply, log, headers) }
}

function rangeOf (reply: FastifyReply, { size, etag }: LogDescription, headers: IncomingHttpHeaders): { start: number, end: number } | undefined {
  const applies = (headers['if-range'] ?? etag) === etag && !matchesTag(headers['if-none-match'], etag)
  if (!applies) return undefined
  const range = parseRange(headers.range, size)
  if (range === 'unsatisfiable') throw beyondEnd(reply, size)
  return range
}

/** @param position byte offset that the query asked for; undefined if the `Range` header did */
export function beyondEnd (reply: FastifyReply, size: number, position?: number): Error {
  reply.header('content-range', `bytes */${size}`)
  return position === undefined ? new FST_TASKS_RANGE(size) : new FST_TASKS_POSITION(position, size)
}
