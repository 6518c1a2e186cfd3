import { ConnectionError, TasksError } from '../../../client/index.ts'

export const NOT_LOGGED_IN = 'You are not logged in. Log in, for example in another tab, and try again.'

/** The message to show for a failed request. */
export function messageOf (error: unknown): string {
  if (error instanceof ConnectionError) return 'The server cannot be reached. Try again.'
  if (error instanceof TasksError && error.statusCode === 401) return NOT_LOGGED_IN
  if (error instanceof TasksError && error.statusCode === 403) return 'You do not have permission to do that.'
  return error instanceof Error ? error.message : String(error)
}
