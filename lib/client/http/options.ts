import { isObject } from '../../util/kinds.ts'
import { checkNames, requireThat } from '../check-options.ts'

/** Header names and values, such as `{ authorization: 'Bearer …' }`. */
export type RequestHeaders = Readonly<Record<string, string>>

/** Options of `TasksClient`. */
export interface TasksClientOptions {
  /** Headers of every request. A function is called before each request, so that it can return a fresh token. */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>)
  /**
   * The function that sends the requests.
   * @default the global `fetch`
   */
  readonly fetch?: typeof fetch
  /**
   * Whether the browser sends cookies, as for `fetch`.
   * @default 'same-origin'
   */
  readonly credentials?: 'omit' | 'same-origin' | 'include'
  /**
   * Delay before the first retry, in ms. It doubles with each further failure.
   * @default the delay that the server suggests in its event streams (1 to 3 s), otherwise 1000
   */
  readonly minDelayMs?: number | undefined
  /**
   * Maximum delay between two attempts, in ms.
   * @default 30000
   */
  readonly maxDelayMs?: number | undefined
}

/**
 * @throws TypeError if an option is unknown or has another type
 * @throws RangeError if a delay is not a number of milliseconds
 */
export function checkClientOptions (options: TasksClientOptions): void {
  checkNames(options, ['headers', 'fetch', 'credentials', 'minDelayMs', 'maxDelayMs'])
  const { headers, fetch, credentials, minDelayMs, maxDelayMs } = options
  requireThat(headers === undefined || isObject(headers) || typeof headers === 'function', '`headers` must be an object or a function.')
  requireThat(fetch === undefined || typeof fetch === 'function', '`fetch` must be a function.')
  requireThat(credentials === undefined || ['omit', 'same-origin', 'include'].includes(credentials), '`credentials` must be omit, same-origin or include.')
  for (const [name, value] of Object.entries({ minDelayMs, maxDelayMs })) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) throw new RangeError(`\`${name}\` must be a number of milliseconds, but is ${value}`)
  }
}
