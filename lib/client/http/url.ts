import { isTaskId } from '../../shared/task-id.ts'
import { TasksError } from '../errors.ts'

export type QueryValue = string | number | boolean | readonly string[] | undefined

/** @throws TasksError with the code that the server would send */
export function taskPath (taskId: string): string {
  if (!isTaskId(taskId)) throw new TasksError(`${JSON.stringify(taskId)} is not a task id.`, { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
  return `/${taskId}`
}

/** A query string with a leading `?`, or an empty string. Undefined values are left out; arrays repeat their parameter. */
export function queryString (parameters: Readonly<Record<string, QueryValue>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue
    for (const item of Array.isArray(value) ? value : [value]) query.append(name, String(item))
  }
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/**
 * The `before` of the next page, from a `Link` header. Only the query of its target matters: proxies may change the rest.
 * @returns undefined on the last page
 */
export function nextPage (link: string | null): string | undefined {
  const [, target] = /<([^>]*)>[^,<]*;\s*rel="?next\b/i.exec(link ?? '') ?? []
  return new URLSearchParams(target?.split('?')[1]).get('before') ?? undefined
}
