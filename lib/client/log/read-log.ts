import { errorFromResponse, missingHeader } from '../errors.ts'
import type { Http } from '../http/http.ts'
import { queryString, taskPath } from '../http/url.ts'
import { isMissingLog } from './log-range.ts'

/** The part of a log to read; the default is the whole log. */
export interface ReadLogOptions {
  /**
   * Byte offset of the first byte.
   * @default 0
   */
  readonly start?: number | undefined
  /**
   * Byte offset after the last byte (exclusive).
   * @default the size of the log
   */
  readonly end?: number | undefined
  /**
   * The number of last lines to read, fewer if they are not within the last 64 MiB. Cannot be combined with `start` or
   * `end`.
   */
  readonly tail?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A part of a log, and where it is in the log. */
export interface LogPart {
  /** Byte offset of the first byte of `body`; not more than `size`. */
  readonly start: number
  /** Byte offset after the last byte of `body`; undefined if a proxy compressed the response. */
  readonly end: number | undefined
  /** Size of the whole log in bytes; undefined if a proxy compressed the response. */
  readonly size: number | undefined
  /** The bytes. Cancel it unless you read it to its end. */
  readonly body: ReadableStream<Uint8Array>
}

interface RangeRequest {
  readonly start: number
  readonly end: number
  readonly signal: AbortSignal | undefined
}

/**
 * @returns undefined if the task has no log yet
 * @throws TypeError if `tail` is combined with `start` or `end`
 * @throws RangeError if an option is not a non-negative integer
 */
export async function readLog (http: Http, taskId: string, options: ReadLogOptions): Promise<LogPart | undefined> {
  checkOptions(options)
  const { start = 0, end, signal } = options
  return end === undefined ? await requestToEnd(http, taskId, options) : await requestRange(http, taskId, { start, end, signal })
}

function checkOptions ({ start, end, tail }: ReadLogOptions): void {
  for (const [name, value] of Object.entries({ start, end, tail })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) throw new RangeError(`\`${name}\` must be a non-negative integer, but is ${value}`)
  }
  if (tail !== undefined && (start !== undefined || end !== undefined)) throw new TypeError('`tail` cannot be combined with `start` or `end`')
}

async function requestToEnd (http: Http, taskId: string, { start, tail, signal }: ReadLogOptions): Promise<LogPart | undefined> {
  const response = await http.open(`${taskPath(taskId)}/log${queryString({ position: start, tail })}`, { signal, accept: [404, 416] })
  if (response.status === 404) return await missingLog(response)
  if (response.status === 416) return await emptyPart(response, start ?? 0)
  const [position, length] = [response.headers.get('log-position'), response.headers.get('content-length')]
  if (position === null && tail !== undefined) {
    await response.body?.cancel()
    throw missingHeader('Log-Position')
  }
  const first = Number(position ?? start ?? 0)
  const size = length === null ? undefined : first + Number(length)
  return { start: first, end: size, size, body: response.body! }
}

async function requestRange (http: Http, taskId: string, { start, end, signal }: RangeRequest): Promise<LogPart | undefined> {
  // a Range header cannot express an empty range
  const last = Math.max(start, end - 1)
  const response = await http.open(`${taskPath(taskId)}/log`, { headers: { range: `bytes=${start}-${last}` }, signal, accept: [404, 416] })
  if (response.status === 404) return await missingLog(response)
  const size = sizeOfLog(response)
  if (size === undefined) {
    await response.body?.cancel()
    throw missingHeader('Content-Range')
  }
  if (response.status === 416 || end <= start) return await emptyPart(response, start)
  return { start, end: Math.min(end, size), size, body: response.body! }
}

/** @throws TasksError if the task does not exist */
async function missingLog (response: Response): Promise<undefined> {
  if (!isMissingLog(response)) throw await errorFromResponse(response)
  await response.body?.cancel()
}

async function emptyPart (response: Response, start: number): Promise<LogPart> {
  await response.body?.cancel()
  const size = sizeOfLog(response)
  const first = Math.min(start, size ?? start)
  return { start: first, end: first, size, body: new Blob([]).stream() }
}

/** The size of the whole log, from the `Content-Range` header. */
function sizeOfLog ({ headers }: Response): number | undefined {
  const [, size] = /\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  return size === undefined ? undefined : Number(size)
}
