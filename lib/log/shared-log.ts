import { subscribeTo, type LogStore, type TaskEvent, type TaskLogEvent } from '../store.ts'
import { FlushScheduler } from '../util/flush-scheduler.ts'
import { SharedOutput } from './shared-output.ts'

/** Characters of pending output above which a flush does not wait. */
const MAX_PENDING_LENGTH = 64 * 1024

/** A follower of the log. */
export interface LogListener {
  /** There is new output. */
  addOutput (output: SharedOutput): void
  /** The log has changed otherwise. @param end byte offset up to which it has changed */
  addChange (end: number, change: { readonly isTruncated: boolean }): void
  /** The task has changed. */
  addTaskChange (): void
}

/** The logs that have followers. */
const logsOfStores = new WeakMap<LogStore, Map<string, SharedLog>>()

/**
 * Passes what the store reports of one log to the listener: to all listeners the same objects.
 * @returns a function that ends it
 */
export function shareLog (store: LogStore, taskId: string, listener: LogListener): () => void {
  let logs = logsOfStores.get(store)
  if (logs === undefined) logsOfStores.set(store, logs = new Map())
  let log = logs.get(taskId)
  if (log === undefined) logs.set(taskId, log = new SharedLog(store, taskId))
  log.add(listener)
  return () => { if (log.remove(listener)) logs.delete(taskId) }
}

/**
 * One log for all of its followers, with one subscription to the store. As in the feed, output that arrives together is
 * passed on together, so that many followers do not keep the process busy.
 */
class SharedLog {
  readonly #store: LogStore
  readonly #taskId: string
  readonly #listeners = new Set<LogListener>()
  readonly #scheduler = new FlushScheduler(() => this.#flush())
  readonly #unsubscribe: () => void
  /** Consecutive output that was not yet passed on. */
  #pending: TaskLogEvent[] = []
  #pendingLength = 0

  constructor (store: LogStore, taskId: string) {
    this.#store = store
    this.#taskId = taskId
    this.#unsubscribe = subscribeTo(store, (event) => this.#receive(event), { logs: taskId })
  }

  add (listener: LogListener): void {
    this.#listeners.add(listener)
  }

  /** @returns whether it was the last one */
  remove (listener: LogListener): boolean {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return false
    this.#scheduler.cancel()
    this.#unsubscribe()
    return true
  }

  #receive (event: TaskEvent): void {
    const taskId = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (taskId !== this.#taskId) return
    if (event.type === 'task.log' && event.chunk !== '' && event.truncated !== true) this.#receiveOutput(event)
    else {
      this.#flush()
      for (const listener of this.#listeners) {
        if (event.type === 'task.log') listener.addChange(event.end, { isTruncated: event.truncated === true })
        else listener.addTaskChange()
      }
    }
  }

  #receiveOutput (event: TaskLogEvent): void {
    if (this.#pending.length > 0 && this.#pending.at(-1)!.end !== event.offset) this.#flush()
    this.#pending.push(event)
    this.#pendingLength += event.chunk.length
    if (this.#pendingLength > MAX_PENDING_LENGTH) this.#flush()
    else this.#scheduler.schedule()
  }

  #flush (): void {
    this.#scheduler.cancel()
    if (this.#pending.length === 0) return
    const startedAt = performance.now()
    const output = new SharedOutput(this.#store, this.#pending, this.#pendingLength)
    this.#pending = []
    this.#pendingLength = 0
    for (const listener of this.#listeners) listener.addOutput(output)
    // the listeners write it after the current operation
    setImmediate(() => this.#scheduler.recordFlush(startedAt))
  }
}
