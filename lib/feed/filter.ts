import type { Task } from '../shared/task-schema.ts'

/** Narrows a feed to a part of the tasks and logs. */
export interface FeedFilter {
  /**
   * Ids of the tasks to send.
   * @default all
   */
  readonly tasks?: readonly string[]
  /**
   * Whose log events to send: all of these tasks (`true`), none (`false`), or the ones with these ids.
   * @default true
   */
  readonly logs?: boolean | readonly string[]
  /**
   * Sends only tasks for which it returns true. A task that stops matching is sent as `task.deleted`. After a reconnect
   * this may include the id of a task that the client has never received. A task for which it throws, or returns a promise,
   * is not sent.
   * @default all
   */
  readonly where?: (task: Task) => boolean
}
