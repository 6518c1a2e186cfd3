import { delay } from '../../util/delay.ts'
import { ConnectionError, errorFromResponse, isTransient, unexpectedResponse } from '../errors.ts'
import { Backoff } from './backoff.ts'
import { readAll, SILENCE_MS } from './body.ts'
import { checkClientOptions, type RequestHeaders, type TasksClientOptions } from './options.ts'

/** Maximum number of attempts of a repeatable request. */
const MAX_ATTEMPTS = 5
const NEVER_ABORTED = new AbortController().signal
/** Browser caches may combine ranges of different versions of a log. Not all types of fetch have this option. */
const UNCACHED: object = { cache: 'no-store' }

export interface RequestOptions {
  /** @default 'GET' */
  readonly method?: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: RequestHeaders
  readonly signal?: AbortSignal | undefined
  /** Statuses other than 2xx that are not errors. */
  readonly accept?: readonly number[]
}

export interface JsonRequestOptions extends RequestOptions {
  /** Whether the request may be sent again after a transient error. */
  readonly repeatable?: boolean
}

export interface JsonResponse<T> {
  readonly value: T
  readonly status: number
  readonly headers: Headers
}

/** Sends requests to one tasks API. */
export class Http {
  readonly #baseUrl: string
  readonly #options: TasksClientOptions

  /**
   * @throws TypeError if the URL is relative and there is no page that it could be relative to, or an option is invalid
   * @throws RangeError if a delay is not a number of milliseconds
   */
  constructor (url: string, options: TasksClientOptions) {
    checkClientOptions(options)
    this.#baseUrl = url.replace(/\/+$/, '')
    if (!('location' in globalThis) && !URL.canParse(this.#baseUrl)) throw new TypeError(`${url} is not an absolute URL`)
    this.#options = options
  }

  backoff (): Backoff {
    return new Backoff(this.#options)
  }

  /** @throws TasksError, ConnectionError */
  async json<T> (path: string, { repeatable = false, ...options }: JsonRequestOptions): Promise<JsonResponse<T>> {
    const backoff = this.backoff()
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#requestJson<T>(path, options)
      } catch (error) {
        const delayMs = backoff.next(error)
        if (!repeatable || attempt === MAX_ATTEMPTS || delayMs > backoff.maxDelayMs || !isTransient(error)) throw error
        await delay(delayMs, options.signal)
      }
    }
  }

  /**
   * Resolves with the head of a response; the caller must read or cancel its body.
   * @throws TasksError, ConnectionError
   */
  async open (path: string, { method = 'GET', body, headers: requestHeaders, signal, accept = [] }: RequestOptions): Promise<Response> {
    const { credentials } = this.#options
    const headers = await untilAborted(this.#headers(requestHeaders, body !== undefined), signal)
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(new ConnectionError(`No response from the server for ${SILENCE_MS} ms.`)), SILENCE_MS)
    try {
      const response = await this.#send(`${this.#baseUrl}${path}`, {
        method,
        headers,
        // use a fresh signal per request, because fetch keeps its listeners attached for a long time
        signal: AbortSignal.any(signal === undefined ? [timeout.signal] : [timeout.signal, signal]),
        ...(headers.has('range') && UNCACHED),
        ...(credentials !== undefined && { credentials }),
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
      if (!response.ok && !accept.includes(response.status)) throw await errorFromResponse(response)
      return response
    } finally {
      clearTimeout(timer)
    }
  }

  async #send (url: string, init: RequestInit): Promise<Response> {
    const { fetch: send = fetch } = this.#options
    try {
      return await send(url, init)
    } catch (error) {
      // fetch reports a failed connection as a TypeError
      throw error instanceof TypeError ? new ConnectionError('The server cannot be reached.', { cause: error }) : error
    }
  }

  async #requestJson<T> (path: string, options: RequestOptions): Promise<JsonResponse<T>> {
    const response = await this.open(path, options)
    const { status, headers } = response
    if (headers.get('content-type')?.includes('json') !== true) throw await unexpectedResponse(response, 'JSON')
    const bytes = await readAll(response, options.signal ?? NEVER_ABORTED)
    return { value: JSON.parse(new TextDecoder().decode(bytes)) as T, status, headers }
  }

  async #headers (requestHeaders: RequestHeaders | undefined, hasBody: boolean): Promise<Headers> {
    const { headers: clientHeaders } = this.#options
    const headers = new Headers(typeof clientHeaders === 'function' ? await clientHeaders() : clientHeaders)
    if (hasBody) headers.set('content-type', 'application/json')
    for (const [name, value] of Object.entries(requestHeaders ?? {})) headers.set(name, value)
    return headers
  }
}

/** As the promise, unless the signal aborts before: the function of a user may never settle. */
async function untilAborted<T> (promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise
  const settled = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: settled.signal })
  })
  try {
    return await Promise.race([aborted, promise])
  } finally {
    settled.abort()
  }
}
