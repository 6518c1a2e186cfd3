/**
 * Messages from the feed's host to a page: the complete list first, then changes and states. Tasks are JSON text, because
 * the browser cannot send deeply nested values.
 */
export type FeedMessage =
  | { readonly type: 'snapshot', readonly tasks: readonly string[] }
  | { readonly type: 'changes', readonly changes: readonly ChangeMessage[] }
  /** A message could not be sent. */
  | { readonly type: 'lost', readonly reason: string }
  | FeedState

export type ChangeMessage =
  | { readonly type: 'upsert', readonly task: string }
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
  /** Send the list and the state: the page did not get, or could not show, a message. */
  | { readonly type: 'list' }
  /** The page is being closed. */
  | { readonly type: 'leave' }
