import type { SearchResult } from '../shared/api-schemas.ts'
import type { LogStore } from '../store.ts'
import { readRange } from './read-range.ts'
import { completeLength } from './text.ts'

/** A log is searched backwards in blocks of this many bytes; a longer line counts as several lines. */
const BLOCK_BYTES = 256 * 1024
/** Longer lines are reduced to an excerpt around the match. */
const MAX_LINE_BYTES = 1024
const BEFORE_MATCH_BYTES = 256
const NEWLINE = 0x0a

export type LogMatch = SearchResult['matches'][number]

export interface SearchOptions {
  /** Only lines that begin before this byte offset. Default: all. */
  readonly before?: number | undefined
  /** Maximum number of matches. Default: 100. */
  readonly limit?: number | undefined
  /** The search stops after this time, in ms; the result then has the offset at which to continue. Default: 1000. */
  readonly timeMs?: number | undefined
  /** Stops the search when it aborts. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds the lines of a log that contain a text, ignoring case, from the end backwards and in bounded memory.
 * @returns no matches if there is no log
 */
export async function searchLog (
  store: LogStore, taskId: string, text: string, { before = Infinity, limit = 100, timeMs = 1000, signal }: SearchOptions = {}
): Promise<SearchResult> {
  const log = await store.readLog(taskId, { start: 0, end: 0 })
  log?.body.destroy()
  const deadline = performance.now() + timeMs
  const pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu')
  const overlap = Buffer.byteLength(text) - 1
  const matches: LogMatch[] = []
  let end = Math.min(before, log?.size ?? 0)
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES)
    const bytes = await readRange(store, taskId, start, end)
    // the log was deleted or truncated
    if (bytes === undefined || bytes.length < end - start) break
    // the first bytes of the block belong to a line that begins before it
    const firstLine = start === 0 ? 0 : bytes.subarray(0, -1).indexOf(NEWLINE) + 1
    const hasLineStart = firstLine > 0 || start === 0
    for (const match of matchesIn(bytes.subarray(firstLine), start + firstLine, pattern)) {
      if (matches.length === limit) return { matches, next: matches.at(-1)!.offset }
      matches.push(match)
    }
    end = hasLineStart ? start + firstLine : start + overlap
    if (performance.now() > deadline || signal?.aborted === true) return { matches, next: end === 0 ? null : end }
  }
  return { matches, next: null }
}

/** The lines of these bytes that match, last one first. */
function * matchesIn (bytes: Buffer, offset: number, pattern: RegExp): Generator<LogMatch, void, undefined> {
  // most blocks have no match, and testing the whole block is much faster than testing each line
  if (!pattern.test(bytes.toString('utf8'))) return
  for (let end = bytes.length; end > 0;) {
    const lineEnd = bytes[end - 1] === NEWLINE ? end - 1 : end
    const start = lineEnd === 0 ? 0 : bytes.lastIndexOf(NEWLINE, lineEnd - 1) + 1
    const line = bytes.subarray(start, lineEnd)
    const [found] = pattern.exec(line.toString('utf8')) ?? []
    // searched again among the bytes: invalid UTF-8 has another length as text
    if (found !== undefined) yield excerpt(line, offset + start, Math.max(0, line.indexOf(found)))
    end = start
  }
}

/** The whole line, or, of a long line, the part around the match, cut at character boundaries. */
function excerpt (line: Buffer, offset: number, matchAt: number): LogMatch {
  if (line.length <= MAX_LINE_BYTES) return { offset, line: line.toString('utf8').replace(/\r$/, '') }
  let from = Math.max(0, matchAt - BEFORE_MATCH_BYTES)
  while ((line[from]! & 0xc0) === 0x80) from++
  const part = line.subarray(from, from + MAX_LINE_BYTES)
  return { offset: offset + from, line: part.toString('utf8', 0, completeLength(part)) }
}
