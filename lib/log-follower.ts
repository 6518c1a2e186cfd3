import type { TaskStore } from './store.ts'
import { isActive } from './task.ts'

export interface FollowOptions {
  /** Byte offset to begin at. Default: 0. */
  position?: number
  /** Ends the following. */
  signal?: AbortSignal
}

/**
 * Reads a log to its end, and on as it grows, until its task has ended or is gone. Where the log shrinks, it starts
 * over at the log's beginning.
 */
export async function * followLog (store: TaskStore, taskId: string, { position = 0, signal }: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
  let wake: () => void = () => {}
  let stale = true
  const unsubscribe = store.subscribe((event) => {
    const id = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (id !== taskId) return
    stale = true
    wake()
  }, { logs: true })
  const onAbort = () => wake()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    while (!signal?.aborted) {
      stale = false
      // the state first: what was written before the end is read after it
      const active = isActive((await store.get(taskId))?.status)
      const log = await store.readLog(taskId, { start: position })
      if (log !== undefined && log.size < position) {
        position = 0
        continue
      }
      if (log !== undefined) {
        for await (const chunk of log.body as AsyncIterable<Buffer>) {
          position += chunk.length
          yield chunk
        }
      }
      if (!active) return
      if (!stale && !signal?.aborted) await new Promise<void>((resolve) => { wake = resolve })
    }
  } finally {
    unsubscribe()
    signal?.removeEventListener('abort', onAbort)
  }
}
