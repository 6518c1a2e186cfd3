import { readPart } from './last-lines.ts'
import type { TaskStore } from '../store.ts'
import { completeLength } from './text.ts'

/** Logs are searched backwards in pieces of this many bytes; a line that is longer counts as several. */
const PIECE_BYTES = 256 * 1024
/** Longer lines are reduced to an excerpt around the match. */
const MAX_LINE_BYTES = 1024
const BEFORE_MATCH_BYTES = 256
const NEWLINE = 0x0a

export interface LogMatch {
  /** Byte offset at which `line` begins. */
  readonly offset: number
  readonly line: string
}

export interface LogSearchResult {
  /** Last one first. */
  readonly matches: readonly LogMatch[]
  /** Where to go on: the `before` of the next search. Undefined: the log was searched to its beginning. */
  readonly next: number | undefined
}

export interface LogSearch {
  readonly text: string
  /** Only lines that begin before this byte offset. Default: all. */
  readonly before?: number
  readonly limit: number
  /** How long it may take, in ms: it then says where to go on. */
  readonly timeMs: number
  /** Gives up. */
  readonly signal: AbortSignal
}

/**
 * Searches a log for lines that contain a text, whatever its case, from the end backwards, in bounded memory.
 * Undefined: there is no log.
 */
export async function searchLog (store: TaskStore, taskId: string, { text, before = Infinity, limit, timeMs, signal }: LogSearch): Promise<LogSearchResult | undefined> {
  const log = await store.readLog(taskId, { start: 0, end: 0 })
  if (log === undefined) return undefined
  const deadline = performance.now() + timeMs
  const pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu')
  const overlap = Buffer.byteLength(text) - 1
  const matches: LogMatch[] = []
  let end = Math.min(before, log.size)
  while (end > 0) {
    const start = Math.max(0, end - PIECE_BYTES)
    const bytes = await readPart(store, taskId, start, end)
    if (bytes === undefined || bytes.length < end - start) break
    // what comes first in the piece belongs to a line that begins before it
    const firstLine = start === 0 ? 0 : bytes.subarray(0, -1).indexOf(NEWLINE) + 1
    const whole = firstLine > 0 || start === 0
    for (const match of matchesIn(bytes.subarray(firstLine), start + firstLine, pattern)) {
      if (matches.length === limit) return { matches, next: matches.at(-1)!.offset }
      matches.push(match)
    }
    end = whole ? start + firstLine : start + overlap
    if (performance.now() > deadline || signal.aborted) return { matches, next: end === 0 ? undefined : end }
  }
  return { matches, next: undefined }
}

/** The lines of these bytes that match, last one first. */
function * matchesIn (bytes: Buffer, offset: number, pattern: RegExp): Generator<LogMatch, void, undefined> {
  // most pieces have none, and this is found out much faster than line by line
  if (!pattern.test(bytes.toString('utf8'))) return
  for (let end = bytes.length; end > 0;) {
    const stop = bytes[end - 1] === NEWLINE ? end - 1 : end
    const start = stop === 0 ? 0 : bytes.lastIndexOf(NEWLINE, stop - 1) + 1
    const line = bytes.subarray(start, stop)
    const [found] = pattern.exec(line.toString('utf8')) ?? []
    // its place among the bytes: what is not UTF-8 has another length as text
    if (found !== undefined) yield excerpt(line, offset + start, Math.max(0, line.indexOf(found)))
    end = start
  }
}

/** The whole line, or of a long one what is around the match, cut at character boundaries. */
function excerpt (line: Buffer, offset: number, matchAt: number): LogMatch {
  if (line.length <= MAX_LINE_BYTES) return { offset, line: line.toString('utf8').replace(/\r$/, '') }
  let from = Math.max(0, matchAt - BEFORE_MATCH_BYTES)
  while ((line[from]! & 0xc0) === 0x80) from++
  const part = line.subarray(from, from + MAX_LINE_BYTES)
  return { offset: offset + from, line: part.toString('utf8', 0, completeLength(part)) }
}
