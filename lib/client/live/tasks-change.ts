import type { Task, TaskSummary } from '../../shared/task-schema.ts'
import type { LogPiece } from '../log/log-reader.ts'

/** A change of a live collection. */
export type TasksChange<T extends TaskSummary = Task> =
  /** All tasks, newest first: at the beginning, and after missed changes. Tasks that are not in it no longer exist. */
  | { readonly type: 'snapshot', readonly tasks: readonly T[] }
  /** A task was created or changed. */
  | { readonly type: 'upsert', readonly task: T }
  /** A task was deleted. */
  | { readonly type: 'deleted', readonly id: string }
  /** Bytes of the log of one task. */
  | { readonly type: 'log', readonly id: string } & LogPiece
  /** The client is connected: from now on it receives changes as they happen. */
  | { readonly type: 'connected' }
  /** The connection broke; the client reconnects after `retryMs` and receives what it missed. */
  | { readonly type: 'disconnected', readonly error: unknown, readonly retryMs: number }

export type TasksChanges<T extends TaskSummary, R = void> = AsyncGenerator<TasksChange<T>, R, undefined>
