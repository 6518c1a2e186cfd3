import { ConnectionError, TasksError } from '../../../client/index.ts'

export const NOT_LOGGED_IN = 'You are not logged in. Log in, for example in another tab, and try again.'

/** The message to show for a failed request. */
export function messageOf (error: unknown): string {
  if (error instanceof ConnectionError) return 'The server cannot be reached. Try again.'
  if (error instanceof TasksError && error.statusCode === 401) return NOT_LOGGED_IN
  if (error instanceof TasksError && error.statusCode === 403) return 'You do not have permission to do that.'
  if (isStackOverflow(error)) return 'The config is nested too deeply for this browser.'
  return error instanceof Error ? error.message : String(error)
}

/** Encoding a deeply nested value as JSON throws it. Its type depends on the browser. */
function isStackOverflow (error: unknown): boolean {
  return error instanceof Error && /call stack|recursion/i.test(error.message)
}
