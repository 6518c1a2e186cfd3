import { Backoff, delay, type BackoffOptions } from './backoff.ts'
import { errorOf, isTransient } from './errors.ts'

/** How often a request is tried that may be repeated. */
const ATTEMPTS = 5

export interface HttpOptions extends BackoffOptions {
  /** Sent with each request; a function is asked each time, for tokens that expire. */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>)
  /** @default the platform's */
  readonly fetch?: typeof fetch
  /** @default 'same-origin': as fetch does */
  readonly credentials?: 'omit' | 'same-origin' | 'include'
}

export type RequestHeaders = Record<string, string>

export interface RequestOptions {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: RequestHeaders
  readonly signal?: AbortSignal | undefined
  /** Statuses beside 2xx that are no error. */
  readonly accept?: readonly number[]
  /** It may be repeated: tried again where the connection or the server fails. */
  readonly repeatable?: boolean
}

/** Requests to one tasks API. */
export class Http {
  readonly #base: string
  readonly #options: HttpOptions

  constructor (url: string, options: HttpOptions) {
    this.#base = url.replace(/\/+$/, '')
    this.#options = options
  }

  get backoff (): Backoff {
    return new Backoff(this.#options)
  }

  /** @throws TasksError, or what fetch throws */
  async request (path: string, options: RequestOptions = {}): Promise<Response> {
    const backoff = this.backoff
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(path, options)
      } catch (error) {
        if (options.repeatable !== true || attempt === ATTEMPTS || !isTransient(error)) throw error
        await delay(backoff.next(error), options.signal)
      }
    }
  }

  async #once (path: string, { method = 'GET', body, headers, signal, accept = [] }: RequestOptions): Promise<Response> {
    const own = this.#options.headers
    const request = this.#options.fetch ?? fetch
    const response = await request(`${this.#base}${path}`, {
      method,
      headers: {
        ...(typeof own === 'function' ? await own() : own),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers
      },
      ...(this.#options.credentials !== undefined && { credentials: this.#options.credentials }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal })
    })
    if (!response.ok && !accept.includes(response.status)) throw await errorOf(response)
    return response
  }
}

/** A query with what is not undefined; an array gives its parameter as often. */
export function queryOf (parameters: Record<string, string | number | boolean | readonly string[] | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each))
  }
  return query.size === 0 ? '' : `?${query}`
}
