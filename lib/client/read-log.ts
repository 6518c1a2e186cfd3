import { errorOf } from './errors.ts'
import { pathOf, queryOf, type Http } from './http.ts'
import { isEmptyText } from './log-reader.ts'

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
  /** The number of last lines to read. Cannot be combined with `start` or `end`. */
  readonly tail?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A part of a log, and where it is in the log. */
export interface LogPart {
  /** Byte offset of the first byte of `body`. */
  readonly start: number
  /** Byte offset after the last byte of `body`; undefined if a proxy compressed the response. */
  readonly end: number | undefined
  /** Size of the whole log in bytes; undefined if a proxy compressed the response. */
  readonly size: number | undefined
  /** The bytes. Cancel it unless you read it to its end. */
  readonly body: ReadableStream<Uint8Array>
}

/**
 * @returns undefined if the task has no log yet
 * @throws TypeError if `tail` is combined with `start` or `end`
 * @throws RangeError if an option is not a non-negative integer, or `end` is less than `start`
 */
export async function readLog (http: Http, taskId: string, { start, end, tail, signal }: ReadLogOptions): Promise<LogPart | undefined> {
  for (const [name, value] of Object.entries({ start, end, tail })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) throw new RangeError(`\`${name}\` must be a non-negative integer, but is ${value}`)
  }
  if (tail !== undefined && (start !== undefined || end !== undefined)) throw new TypeError('`tail` cannot be combined with `start` or `end`')
  if (end !== undefined && end < (start ?? 0)) throw new RangeError(`\`end\` (${end}) must not be less than \`start\` (${start ?? 0})`)
  return end === undefined
    ? await readToEnd(http, taskId, { start, tail, signal })
    : await readRange(http, taskId, { start: start ?? 0, end, signal })
}

async function readToEnd (http: Http, taskId: string, { start, tail, signal }: Omit<ReadLogOptions, 'end'>): Promise<LogPart | undefined> {
  const response = await http.open(`${pathOf(taskId)}/log${queryOf({ position: start, tail })}`, { signal, accept: [404, 416] })
  if (response.status === 404) return await noLog(response)
  if (response.status === 416) return await beyondEnd(response, start ?? 0)
  const [position, length] = [response.headers.get('log-position'), response.headers.get('content-length')]
  if (position === null && tail !== undefined) {
    await response.body?.cancel()
    throw missingHeader('Log-Position')
  }
  const from = Number(position ?? start ?? 0)
  const size = length === null ? undefined : from + Number(length)
  return { start: from, end: size, size, body: response.body! }
}

async function readRange (http: Http, taskId: string, { start, end, signal }: { start: number, end: number, signal: AbortSignal | undefined }): Promise<LogPart | undefined> {
  // a Range header cannot express an empty range
  const last = Math.max(start, end - 1)
  const response = await http.open(`${pathOf(taskId)}/log`, { headers: { range: `bytes=${start}-${last}` }, signal, accept: [404, 416] })
  if (response.status === 404) return await noLog(response)
  if (response.status === 416) return await beyondEnd(response, start)
  const size = sizeIn(response)
  if (size === undefined || start === end) await response.body?.cancel()
  if (size === undefined) throw missingHeader('Content-Range')
  return start === end ? emptyPart(start, size) : { start, end: Math.min(end, size), size, body: response.body! }
}

/** @throws TasksError if the task does not exist */
async function noLog (response: Response): Promise<undefined> {
  if (!isEmptyText(response)) throw await errorOf(response)
  await response.body?.cancel()
}

async function beyondEnd (response: Response, start: number): Promise<LogPart> {
  await response.body?.cancel()
  return emptyPart(start, sizeIn(response))
}

function emptyPart (start: number, size: number | undefined): LogPart {
  return { start, end: start, size, body: new Blob([]).stream() }
}

/** Size of the whole log, from the `Content-Range` header. */
function sizeIn ({ headers }: Response): number | undefined {
  const [, size] = /\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  return size === undefined ? undefined : Number(size)
}

function missingHeader (name: string): Error {
  return new Error(`The response has no ${name} header. For cross-origin use, the server must expose it (CORS exposedHeaders).`)
}
