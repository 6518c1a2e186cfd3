/** The server returned an error, or the response did not come from the plugin. */
export class TasksError extends Error {
  override readonly name = 'TasksError'
  readonly statusCode: number
  /** Such as `FST_TASKS_NOT_FOUND`; undefined where something else than the plugin answered. */
  readonly code: string | undefined
  /** How long the server asks to wait before the next try, in ms. */
  readonly retryAfterMs: number | undefined

  constructor (message: string, { statusCode, code, retryAfterMs }: { statusCode: number, code?: string | undefined, retryAfterMs?: number | undefined }) {
    super(message)
    this.statusCode = statusCode
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** The server can't be reached, its answer broke off, or it said nothing for too long. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

/** @param response neither 2xx nor read yet */
export async function errorOf (response: Response): Promise<TasksError> {
  const text = await response.text().catch(() => '')
  let answer: { message?: unknown, code?: unknown } = {}
  try {
    answer = JSON.parse(text) ?? {}
  } catch {
    // a proxy's page
  }
  const seconds = Number(response.headers.get('retry-after') ?? NaN)
  return new TasksError(typeof answer.message === 'string' ? answer.message : `The server answered ${response.status}.`, {
    statusCode: response.status,
    code: typeof answer.code === 'string' ? answer.code : undefined,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined
  })
}

/** A response that cannot have come from the tasks API: a proxy or a login page. */
export async function foreignAnswer (response: Response, wanted: string): Promise<TasksError> {
  await response.body?.cancel().catch(() => {})
  return new TasksError(`Expected ${wanted}; the response did not come from the tasks API (${response.status}).`, { statusCode: response.status })
}

export function isNotFound (error: unknown): boolean {
  return error instanceof TasksError && error.code === 'FST_TASKS_NOT_FOUND'
}

/**
 * Whether the same request may succeed later. What the server refuses for good (401, 404, 507 …) does not.
 * @param worked it did before: a 404 that is none of the plugin's is a proxy that lost its server for a while
 */
export function isTransient (error: unknown, { worked = false } = {}): boolean {
  if (!(error instanceof TasksError)) return error instanceof ConnectionError
  const { statusCode, code } = error
  if (statusCode === 404) return worked && code === undefined
  return statusCode === 408 || statusCode === 429 || (statusCode >= 500 && statusCode !== 501 && statusCode !== 507)
}
