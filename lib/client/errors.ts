interface TasksErrorDetails {
  readonly statusCode: number
  readonly code?: string | undefined
  readonly retryAfterMs?: number | undefined
}

/** The server returned an error, or the response did not come from the tasks API. */
export class TasksError extends Error {
  override readonly name = 'TasksError'
  /** HTTP status of the response. */
  readonly statusCode: number
  /** An error code such as `FST_TASKS_NOT_FOUND`; undefined if the response did not come from the tasks API. */
  readonly code: string | undefined
  /** Time to wait before the next attempt, in ms, from the `Retry-After` header; undefined without that header. */
  readonly retryAfterMs: number | undefined

  constructor (message: string, { statusCode, code, retryAfterMs }: TasksErrorDetails) {
    super(message)
    this.statusCode = statusCode
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** The server cannot be reached, the connection closed before the response was complete, no data arrived for 45 s, or an event is not JSON. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

/** @param response an error response whose body has not been read */
export async function errorFromResponse (response: Response): Promise<TasksError> {
  const text = await response.text().catch(() => '')
  let body: { message?: unknown, error?: unknown, code?: unknown } = {}
  try {
    body = JSON.parse(text) ?? {}
  } catch {
    // not JSON, such as an error page of a proxy
  }
  const seconds = Number(response.headers.get('retry-after') ?? NaN)
  // hosts may convert errors to `{ error: message }`
  const message = [body.message, body.error].find((text) => typeof text === 'string') as string | undefined
  return new TasksError(message ?? `The server answered with status ${response.status}.`, {
    statusCode: response.status,
    code: typeof body.code === 'string' ? body.code : undefined,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined
  })
}

/** Cancels a response that cannot have come from the tasks API, such as a login page, and returns the error to throw. */
export async function unexpectedResponse (response: Response, expected: string): Promise<TasksError> {
  await response.body?.cancel().catch(() => {})
  return new TasksError(`Expected ${expected}; the response did not come from the tasks API (${response.status}).`, { statusCode: response.status })
}

/** With CORS, a page of another origin sees only exposed headers. */
export function missingHeader (name: string): Error {
  return new Error(`The response has no ${name} header. For cross-origin use, the server must expose it (CORS exposedHeaders).`)
}

export function isNotFound (error: unknown): boolean {
  return error instanceof TasksError && error.code === 'FST_TASKS_NOT_FOUND'
}

/**
 * Whether the same request may succeed later. Other errors (401, 404, 507 …) are permanent.
 * @param options.hasSucceeded an earlier request succeeded, so that a 404 without a code is a proxy whose server is down
 */
export function isTransient (error: unknown, { hasSucceeded = false } = {}): boolean {
  if (!(error instanceof TasksError)) return error instanceof ConnectionError
  const { statusCode, code } = error
  if (statusCode === 404) return hasSucceeded && code === undefined
  return statusCode === 408 || statusCode === 429 || (statusCode >= 500 && statusCode !== 501 && statusCode !== 507)
}
