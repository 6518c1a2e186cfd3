import type { FollowOptions } from '../shared/follow-options.ts'
import { isActive, type TaskStatus } from '../shared/task-status.ts'
import { subscribeTo, type LogStore } from '../store.ts'
import { abortable } from '../util/abortable-generator.ts'
import { LogReader, type LogPiece } from './log-reader.ts'

export type { LogPiece } from './log-reader.ts'

/** The result of following a log to its end. */
export interface LogEnd {
  readonly size: number
  /** Undefined if the task was deleted, or has a status that this package does not know. */
  readonly status: TaskStatus | undefined
}

/** The result is undefined if the iteration was aborted. */
export type LogPieces = AsyncGenerator<LogPiece, LogEnd | undefined, undefined>

/**
 * Follows one log for one client: reads it to its end, then waits for more until its task has finished or was deleted. A
 * log that does not exist yet is waited for. If the log is truncated, it is read again from its beginning. Leaving the
 * iteration (`break`, `return`) ends it immediately.
 */
export function followLog (store: LogStore, taskId: string, { position = 0, signal }: FollowOptions): LogPieces {
  return abortable((ended) => follow(store, taskId, position, ended), signal)
}

/** Like `followLog`, but without offsets: after a truncation the bytes come again from the beginning. */
export function followLogBytes (store: LogStore, taskId: string, { position = 0, signal }: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
  return abortable((ended) => bytesOf(follow(store, taskId, position, ended)), signal)
}

async function * bytesOf (pieces: LogPieces): AsyncGenerator<Buffer, void, undefined> {
  for await (const { bytes } of pieces) if (bytes.length > 0) yield bytes
}

async function * follow (store: LogStore, taskId: string, position: number, signal: AbortSignal): LogPieces {
  const reader = new LogReader(store, taskId, position)
  const changes = new Changes()
  const unsubscribe = subscribeTo(store, (event) => {
    const id = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (id !== taskId) return
    if (event.type === 'task.log' && event.truncated === true) reader.reportTruncation()
    changes.notify()
  }, { logs: taskId })
  const onAbort = () => changes.notify()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (!signal.aborted) {
      changes.reset()
      // the status before the log: output that precedes the end of the task is then in the log
      const status = (await store.get(taskId))?.status
      const result = yield * reader.readToEnd(signal)
      if (result === 'interrupted') continue
      if (!isActive(status)) return { size: reader.position, status }
      await changes.wait()
    }
    return undefined
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
  }
}

/** Remembers that something changed since the last `reset`. */
class Changes {
  #isNotified = false
  #wake: () => void = () => {}

  notify (): void {
    this.#isNotified = true
    this.#wake()
  }

  reset (): void {
    this.#isNotified = false
  }

  /** Resolves when `notify` has been called since the last `reset`. */
  async wait (): Promise<void> {
    if (!this.#isNotified) await new Promise<void>((resolve) => { this.#wake = resolve })
  }
}
