import type { Interest, TaskEvent } from '../store.ts'

interface Subscriber extends Interest {
  readonly listener: (event: TaskEvent) => void
}

/** Event subscribers, and which logs they are interested in. */
export class Subscribers {
  readonly #onError: (error: unknown) => void
  readonly #subscribers = new Set<Subscriber>()
  /** How many want all logs (`true`), or one. */
  readonly #wanted = new Map<boolean | string, number>()

  constructor (onError: (error: unknown) => void) {
    this.#onError = onError
  }

  add (listener: (event: TaskEvent) => void, { logs }: Interest): () => void {
    // of its own: the same function may subscribe twice
    const subscriber = { listener, logs }
    this.#subscribers.add(subscriber)
    this.#wanted.set(logs, (this.#wanted.get(logs) ?? 0) + 1)
    return () => {
      if (!this.#subscribers.delete(subscriber)) return
      const rest = this.#wanted.get(logs)! - 1
      if (rest > 0) this.#wanted.set(logs, rest)
      else this.#wanted.delete(logs)
    }
  }

  wantLog (taskId: string): boolean {
    return this.#wanted.has(true) || this.#wanted.has(taskId)
  }

  tell (event: TaskEvent): void {
    // iterate over a snapshot: listeners added during delivery receive only later events
    for (const subscriber of [...this.#subscribers]) {
      const { listener, logs } = subscriber
      if (!this.#subscribers.has(subscriber)) continue
      if (event.type === 'task.log' && logs !== true && logs !== event.taskId) continue
      try {
        listener(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear (): void {
    this.#subscribers.clear()
    this.#wanted.clear()
  }
}
