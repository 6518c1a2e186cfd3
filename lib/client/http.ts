import { isTaskId } from '../shared/task.ts'
import { Backoff, delay, type BackoffOptions } from './backoff.ts'
import { readAll, SILENCE_MS } from './body.ts'
import { ConnectionError, errorOf, foreignAnswer, isTransient, TasksError } from './errors.ts'

/** How often a request is tried that may be repeated. */
const ATTEMPTS = 5
const NEVER = new AbortController().signal
/** Browser caches may combine ranges of different versions of a log. Not all types of fetch know it. */
const UNCACHED: object = { cache: 'no-store' }

export interface TasksClientOptions extends BackoffOptions {
  /** Sent with each request; a function is asked each time, for tokens that expire. */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>)
  /** @default the platform's */
  readonly fetch?: typeof fetch
  /** @default 'same-origin': as fetch does */
  readonly credentials?: 'omit' | 'same-origin' | 'include'
}

export type RequestHeaders = Readonly<Record<string, string>>

export interface RequestOptions {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: RequestHeaders
  readonly signal?: AbortSignal | undefined
  /** Statuses beside 2xx that are no error. */
  readonly accept?: readonly number[]
}

/** Requests to one tasks API. */
export class Http {
  readonly #base: string
  readonly #options: TasksClientOptions

  /** @throws TypeError outside a page, where the URL is not absolute */
  constructor (url: string, options: TasksClientOptions) {
    this.#base = url.replace(/\/+$/, '')
    if (!('location' in globalThis) && !URL.canParse(this.#base)) throw new TypeError(`${url} is not an absolute URL`)
    this.#options = options
  }

  backoff (): Backoff {
    return new Backoff(this.#options)
  }

  /**
   * An answer's JSON, and its head.
   * @throws TasksError, ConnectionError
   */
  async json<T> (path: string, options: RequestOptions & { readonly repeatable?: boolean }): Promise<{ value: T, status: number, headers: Headers }> {
    const backoff = this.backoff()
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#json<T>(path, options)
      } catch (error) {
        const ms = backoff.next(error)
        if (options.repeatable !== true || attempt === ATTEMPTS || ms > backoff.maxDelayMs || !isTransient(error)) throw error
        await delay(ms, options.signal)
      }
    }
  }

  async #json<T> (path: string, options: RequestOptions): Promise<{ value: T, status: number, headers: Headers }> {
    const response = await this.open(path, options)
    const { status, headers } = response
    if (headers.get('content-type')?.includes('json') !== true) throw await foreignAnswer(response, 'JSON')
    const bytes = await readAll(response, options.signal ?? NEVER)
    return { value: JSON.parse(new TextDecoder().decode(bytes)) as T, status, headers }
  }

  /**
   * The head of an answer; its body is for the caller to read or to cancel.
   * @throws TasksError, ConnectionError
   */
  async open (path: string, { method = 'GET', body, headers: extra, signal, accept = [] }: RequestOptions): Promise<Response> {
    const { headers: own, fetch: request = fetch, credentials } = this.#options
    const headers = new Headers(typeof own === 'function' ? await own() : own)
    if (body !== undefined) headers.set('content-type', 'application/json')
    for (const [name, value] of Object.entries(extra ?? {})) headers.set(name, value)
    const silence = new AbortController()
    // use a fresh signal per request, because fetch keeps its listeners attached for a long time
    const signals = AbortSignal.any(signal === undefined ? [silence.signal] : [silence.signal, signal])
    const timer = setTimeout(() => silence.abort(new ConnectionError(`The server did not answer for ${SILENCE_MS} ms.`)), SILENCE_MS)
    try {
      const response = await request(`${this.#base}${path}`, {
        method,
        headers,
        signal: signals,
        ...(headers.has('range') && UNCACHED),
        ...(credentials !== undefined && { credentials }),
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
      if (!response.ok && !accept.includes(response.status)) throw await errorOf(response)
      return response
    } catch (error) {
      // what fetch says of a connection that can't be made
      throw error instanceof TypeError ? new ConnectionError('The server can\'t be reached.', { cause: error }) : error
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws TasksError as the server would */
export function pathOf (taskId: string): string {
  if (!isTaskId(taskId)) throw new TasksError(`${JSON.stringify(taskId)} is not a task id.`, { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
  return `/${taskId}`
}

/** A query with what is not undefined; an array gives its parameter as often. */
export function queryOf (parameters: Record<string, string | number | boolean | readonly string[] | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each))
  }
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
