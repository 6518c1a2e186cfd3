import type { TaskStore } from './store.ts'
import { isActive } from './task.ts'

export interface FollowOptions {
  /** Byte offset to begin at. Default: 0. */
  position?: number
  /** Ends the following. */
  signal?: AbortSignal
}

/**
 * Reads a log to its end, and on as it grows, until its task has ended or is gone. Where the log shrinks or is
 * rewritten, it starts over at the log's beginning. Who leaves (`break`, `return`) ends it at once.
 */
export function followLog (store: TaskStore, taskId: string, { position = 0, signal }: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
  const left = new AbortController()
  const generator = follow(store, taskId, position, AbortSignal.any(signal === undefined ? [left.signal] : [left.signal, signal]))
  const { return: end, throw: fail } = generator
  // of its own, a generator that waits would end only after what it waits for
  return Object.assign(generator, {
    return (value: void) {
      left.abort()
      return end.call(generator, value)
    },
    throw (error: unknown) {
      left.abort()
      return fail.call(generator, error)
    }
  })
}

async function * follow (store: TaskStore, taskId: string, position: number, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  let wake: () => void = () => {}
  let [stale, rewritten] = [true, false]
  const unsubscribe = store.subscribe((event) => {
    const id = event.type === 'task.upsert' ? event.task.id : event.taskId
    if (id !== taskId) return
    stale = true
    if (event.type === 'task.log' && event.truncated === true) rewritten = true
    wake()
  }, { logs: true })
  const onAbort = () => wake()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (!signal.aborted) {
      stale = false
      // the state first: what was written before the end is read after it
      const active = isActive((await store.get(taskId))?.status)
      const log = await store.readLog(taskId, { start: rewritten ? 0 : position })
      if (rewritten) position = 0
      rewritten = false
      if (log !== undefined && log.size < position) {
        position = 0
        continue
      }
      for await (const chunk of (log?.body ?? []) as AsyncIterable<Buffer>) {
        // the rest belongs to another log than the beginning
        if (rewritten || signal.aborted) break
        position += chunk.length
        yield chunk
      }
      if (!active) return
      if (!stale && !signal.aborted) await new Promise<void>((resolve) => { wake = resolve })
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
  }
}
