import type { Task } from '../../../client/index.ts'

/** What all pages of a browser are told, in this order: all tasks once, then what changes. */
export type FeedMessage =
  | { readonly type: 'snapshot', readonly tasks: readonly Task[] }
  | { readonly type: 'changes', readonly changes: readonly Change[] }
  | Connection

export type Change =
  | { readonly type: 'upsert', readonly task: Task }
  | { readonly type: 'deleted', readonly id: string }

export type Connection =
  | { readonly type: 'connecting' }
  | { readonly type: 'connected' }
  /** It is tried again by itself. */
  | { readonly type: 'disconnected', readonly retryMs: number }
  /** It is not tried again until a page asks for it. */
  | { readonly type: 'refused', readonly statusCode: number | undefined, readonly message: string }

export type FeedRequest =
  /** Connect now. */
  | { readonly type: 'retry' }
  /** The page is closed. */
  | { readonly type: 'leave' }
