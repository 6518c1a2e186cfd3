import type { Task } from '../../shared/task-schema.ts'
import { isNotFound, missingHeader } from '../errors.ts'
import type { Http } from '../http/http.ts'
import { queryString, taskPath } from '../http/url.ts'

export interface Snapshot {
  readonly tasks: readonly Task[]
  /** Events after this one may not be in `tasks`. */
  readonly lastEventId: string
}

export interface SnapshotScope {
  /** Undefined: all tasks. */
  readonly taskIds: readonly string[] | undefined
  /** Whether the server may leave out `config` and custom fields. */
  readonly isSummary: boolean
}

/**
 * Reads all tasks, or those with the given ids.
 * @throws TasksError, ConnectionError
 */
export async function readSnapshot (http: Http, { taskIds, isSummary }: SnapshotScope, signal: AbortSignal): Promise<Snapshot> {
  const query = queryString({ limit: taskIds === undefined ? undefined : 1, summary: isSummary || undefined })
  const { value, headers } = await http.json<Task[]>(query, { signal })
  const lastEventId = headers.get('last-event-id')
  if (lastEventId === null) throw missingHeader('Last-Event-ID')
  // read after the list, which determines the position: events after it are sent again
  return { tasks: taskIds === undefined ? value : await readTasks(http, taskIds, signal), lastEventId }
}

async function readTasks (http: Http, taskIds: readonly string[], signal: AbortSignal): Promise<Task[]> {
  const tasks: Task[] = []
  for (const id of taskIds) {
    try {
      tasks.push((await http.json<Task>(taskPath(id), { signal })).value)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  return tasks
}
