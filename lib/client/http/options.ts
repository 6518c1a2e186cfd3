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
