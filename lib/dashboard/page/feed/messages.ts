import type { Task } from '../../../client/index.ts'

/** Messages from the feed's host to a page: the complete list first, then changes and states. */
export type FeedMessage =
  | { readonly type: 'snapshot', readonly tasks: readonly Task[] }
  | { readonly type: 'changes', readonly changes: readonly TaskChange[] }
  | FeedState

export type TaskChange =
  | { readonly type: 'upsert', readonly task: Task }
  | { readonly type: 'deleted', readonly id: string }

export type FeedState =
  | { readonly type: 'connecting' }
  | { readonly type: 'connected' }
  /** The host reconnects after this time. */
  | { readonly type: 'disconnected', readonly retryMs: number }
  /** The host reconnects only when a page requests it. */
  | { readonly type: 'rejected', readonly statusCode: number | undefined, readonly message: string }

export type FeedRequest =
  /** Connect immediately. */
  | { readonly type: 'retry' }
  /** The page is being closed. */
  | { readonly type: 'leave' }
