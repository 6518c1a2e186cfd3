import type { TaskStatus } from '../shared/task-status.ts'
import type { Task, TaskSummary } from '../shared/task-schema.ts'

/** Options of every method that sends a request. */
export interface CallOptions {
  /** Aborting it cancels the request, and any retry, with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A task of a list: without `config` and custom fields if only summaries are requested. */
export type ListedTask<S extends boolean> = S extends true ? TaskSummary : Task

/** Options of `TasksClient.list`. */
export interface ListOptions<S extends boolean = boolean> extends CallOptions {
  /**
   * List only tasks with one of these statuses.
   * @default all statuses
   */
  readonly status?: readonly TaskStatus[] | undefined
  /**
   * Maximum number of tasks.
   * @default unlimited
   */
  readonly limit?: number | undefined
  /** List only tasks that come after this place, newest first: the `next` of the previous page, or the id of a task. */
  readonly before?: string | undefined
  /**
   * List the tasks without `config` and without the custom fields of other programs.
   * @default false
   */
  readonly summary?: S | undefined
}

/** Result of `TasksClient.list`. */
export interface TaskPage<T extends TaskSummary = Task> {
  /** Newest first. */
  readonly tasks: readonly T[]
  /** The `before` of the next page; absent on the last page. */
  readonly next?: string
}

/** Result of `TasksClient.create`. */
export interface CreateResult {
  readonly task: Task
  /** False if a task with the given id and the same fields existed; `task` is that one. */
  readonly created: boolean
}

/** Result of `TasksClient.cancel`: a queued task is cancelled immediately, a running one by its processor. */
export type CancelResult =
  | { readonly outcome: 'cancelled', readonly task: Task }
  | { readonly outcome: 'requested' }

/** Options of `TasksClient.delete`. */
export interface DeleteOptions extends CallOptions {
  /**
   * Delete the task even if it is queued or running.
   * @default false
   */
  readonly force?: boolean | undefined
}

/** Options of `TasksClient.searchLog`. */
export interface SearchLogOptions extends CallOptions {
  /**
   * Search only lines that begin before this byte offset: the `next` of the previous search.
   * @default the size of the log
   */
  readonly before?: number | undefined
  /**
   * Maximum number of matches, 1 to 1000.
   * @default 100
   */
  readonly limit?: number | undefined
}
