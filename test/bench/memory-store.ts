import type { TaskEvent, TaskStore } from 'fastify-tasks'
import type { Piece } from './source.ts'

/** A store without a disk below it: what is measured is the feed. */
export class MemoryStore {
  readonly #listeners = new Set<(event: TaskEvent) => void>()
  #events = 0

  tell ({ id: taskId, ...piece }: Piece): void {
    const event: TaskEvent = { type: 'task.log', eventId: `bench-${++this.#events}`, taskId, ...piece }
    for (const listener of this.#listeners) listener(event)
  }

  get store (): TaskStore {
    const used: Partial<TaskStore> = {
      open: async () => {},
      close: async () => {},
      list: async () => ({ tasks: [], lastEventId: `bench-${this.#events}` }),
      subscribe: (listener) => {
        // a key of its own: plugin and feed each subscribe
        const subscriber = (event: TaskEvent) => listener(event)
        this.#listeners.add(subscriber)
        return () => { this.#listeners.delete(subscriber) }
      }
    }
    return used as TaskStore
  }
}
