import type { Task, TaskSummary } from '../../shared/task-schema.ts'
import { abortable } from '../../util/abortable-generator.ts'
import type { Http } from '../http/http.ts'
import { LiveFeed } from './live-feed.ts'
import { TaskCollection } from './task-collection.ts'
import type { TasksChange, TasksChanges } from './tasks-change.ts'

/** Options of `TasksClient.watch`. */
export interface LiveTasksOptions<S extends boolean = boolean> {
  /**
   * Ids of the tasks to watch, 1 to 1000.
   * @default all tasks
   */
  readonly tasks?: readonly string[] | undefined
  /**
   * Logs to read from their first byte: of all watched tasks, of none, or of the tasks with these ids (at most 1000).
   * @default false
   */
  readonly logs?: boolean | readonly string[] | undefined
  /**
   * Keep the tasks without `config` and without the custom fields of other programs: they are not listed, and take no
   * memory.
   * @default false
   */
  readonly summary?: S | undefined
  /** Aborting it ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A live copy of the tasks. It advances while its changes are consumed with `for await`; each change is applied before
 * it is yielded. Slow consumers receive fewer events and catch up. Iteration can be resumed later.
 *
 * After a lost connection or a transient error, the client reconnects. If the server refuses (such as 401, 403, 404), the
 * iteration rejects with a `TasksError`. A collection has one consumer at a time.
 */
export class LiveTasks<T extends TaskSummary = Task> implements AsyncIterable<TasksChange<T>> {
  readonly #collection = new TaskCollection<T>()
  readonly #feed: LiveFeed<T>
  readonly #signal: AbortSignal | undefined
  readonly #closed = new AbortController()
  #hasConsumer = false

  /** @throws RangeError if `tasks` is empty */
  constructor (http: Http, { tasks, logs = false, summary = false, signal }: LiveTasksOptions) {
    if (tasks?.length === 0) throw new RangeError('`tasks` must name at least one task; leave it out to watch all tasks')
    this.#feed = new LiveFeed(http, { taskIds: tasks, logs, isSummary: summary }, this.#collection)
    this.#signal = signal
  }

  /** The tasks by id, as of the last change that was consumed. */
  get tasks (): ReadonlyMap<string, T> {
    return this.#collection.byId
  }

  /** The tasks, newest first, as of the last change that was consumed. */
  list (): T[] {
    return this.#collection.newestFirst()
  }

  /** Closes the connection and ends the iteration without an error. A later iteration ends immediately. */
  close (): void {
    this.#closed.abort()
  }

  /** The changes. The client connects with the first `next()` and disconnects when the consumer leaves the loop. */
  [Symbol.asyncIterator] (): AsyncGenerator<TasksChange<T>, void, undefined> {
    const signal = this.#signal === undefined ? this.#closed.signal : AbortSignal.any([this.#signal, this.#closed.signal])
    return abortable((end) => this.#changes(end), signal)
  }

  async * #changes (signal: AbortSignal): TasksChanges<T> {
    if (this.#hasConsumer) throw new Error('This collection already has a consumer. End its iteration first, or call `watch` again.')
    this.#hasConsumer = true
    try {
      yield * this.#feed.changes(signal)
    } catch (error) {
      if (!this.#closed.signal.aborted) throw error
    } finally {
      this.#hasConsumer = false
    }
  }
}
