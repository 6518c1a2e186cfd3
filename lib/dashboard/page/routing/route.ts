import { defined } from '../../../util/defined.ts'
import { isTaskId } from '../../../shared/task-id.ts'
import { TASK_STATUSES, type TaskStatus } from '../../../shared/task-status.ts'
import type { TaskFilter } from '../list/filter.ts'

/** A page of the dashboard, as written after the `#` of its address, which browsers do not send to the server. */
export type Route =
  | { readonly name: 'list', readonly filter: TaskFilter }
  /** `at` is a byte offset in the log. */
  | { readonly name: 'task', readonly id: string, readonly at: number | undefined }
  /** `from` is the id of a task whose fields fill in the form. */
  | { readonly name: 'new', readonly from: string | undefined }

export function parseRoute (hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2)
  const parameters = new URLSearchParams(query)
  const id = /^\/tasks\/([^/]+)$/.exec(path)?.[1]
  if (isTaskId(id)) return { name: 'task', id, at: parseOffset(parameters.get('at')) }
  if (path === '/new') {
    const from = parameters.get('from')
    return { name: 'new', from: isTaskId(from) ? from : undefined }
  }
  const status = TASK_STATUSES.find((status) => status === parameters.get('status'))
  return { name: 'list', filter: defined({ status, type: parameters.get('type') ?? undefined, text: parameters.get('q') ?? undefined }) }
}

export function listHash ({ status, type, text }: TaskFilter = {}): string {
  return `#/${queryOf({ status, type, q: text === '' ? undefined : text })}`
}

export function taskHash (id: string, at?: number): string {
  return `#/tasks/${id}${queryOf({ at: at === undefined ? undefined : String(at) })}`
}

/** @param from id of a task whose fields fill in the form */
export function newHash (from?: string): string {
  return `#/new${queryOf({ from })}`
}

function parseOffset (text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function queryOf (values: Record<string, TaskStatus | string | undefined>): string {
  const query = new URLSearchParams(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString()
  return query === '' ? '' : `?${query}`
}
