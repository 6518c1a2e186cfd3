/** The server's answer was no. */
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

/** Whether the same request may succeed later. What the server refuses for good (401, 404, 507 …) does not. */
export function isTransient (error: unknown): boolean {
  if (error instanceof TasksError) {
    const { statusCode } = error
    return statusCode === 408 || statusCode === 429 || (statusCode >= 500 && statusCode !== 501 && statusCode !== 507)
  }
  // what fetch says of a connection that can't be made or breaks off
  return error instanceof TypeError || error instanceof BrokenStreamError
}

/** A stream broke off, or said nothing for too long. */
export class BrokenStreamError extends Error {
  override readonly name = 'BrokenStreamError'
}
