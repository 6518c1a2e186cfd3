import type { Interest, TaskEvent } from '../store.ts'
import { callSafely } from '../util/callbacks.ts'

interface Subscriber extends Interest {
  readonly listener: (event: TaskEvent) => void
}

/** Event subscribers, and which logs they are interested in. */
export class Subscribers {
  readonly #onError: (error: unknown) => void
  readonly #subscribers = new Set<Subscriber>()
  /** Number of subscribers by interest: in all logs (`true`), in none (`false`), or in the log of one task. */
  readonly #counts = new Map<boolean | string, number>()

  /** @param onError called with what a listener throws, or with which its promise rejects */
  constructor (onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** @returns a function that removes the subscriber */
  add (listener: (event: TaskEvent) => void, { logs }: Interest): () => void {
    // an object per call, because the same function may subscribe twice
    const subscriber = { listener, logs }
    this.#subscribers.add(subscriber)
    this.#counts.set(logs, (this.#counts.get(logs) ?? 0) + 1)
    return () => {
      if (!this.#subscribers.delete(subscriber)) return
      const count = this.#counts.get(logs)! - 1
      if (count > 0) this.#counts.set(logs, count)
      else this.#counts.delete(logs)
    }
  }

  /** Whether a subscriber needs the log events of this task. */
  wantsLog (taskId: string): boolean {
    return this.#counts.has(true) || this.#counts.has(taskId)
  }

  emit (event: TaskEvent): void {
    // iterate over a snapshot: listeners added during delivery receive only later events
    for (const subscriber of [...this.#subscribers]) {
      const { listener, logs } = subscriber
      if (!this.#subscribers.has(subscriber)) continue
      if (event.type === 'task.log' && logs !== true && logs !== event.taskId) continue
      callSafely(() => listener(event), this.#onError)
    }
  }

  clear (): void {
    this.#subscribers.clear()
    this.#counts.clear()
  }
}
