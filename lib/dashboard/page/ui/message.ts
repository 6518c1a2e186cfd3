import { ConnectionError, TasksError } from '../../../client/index.ts'

/** What to tell of a request that failed. */
export function messageOf (error: unknown): string {
  if (error instanceof ConnectionError) return 'The server can\'t be reached. Try again.'
  if (error instanceof TasksError && error.statusCode === 401) return 'You are not logged in (any more). Log in, perhaps in another tab, and try again.'
  if (error instanceof TasksError && error.statusCode === 403) return 'You do not have permission to do that.'
  return error instanceof Error ? error.message : String(error)
}
