import type { TaskEvent, TaskStore } from 'fastify-tasks'
import type { Piece } from './source.ts'

/** A store without a disk, to measure only the feed. */
export class MemoryStore {
  readonly #listeners = new Set<(event: TaskEvent) => void>()
  #events = 0

  emit ({ id: taskId, ...piece }: Piece): void {
    const event: TaskEvent = { type: 'task.log', eventId: `bench-${++this.#events}`, taskId, ...piece }
    for (const listener of this.#listeners) listener(event)
  }

  get store (): TaskStore {
    const used: Partial<TaskStore> = {
      open: async () => {},
      close: async () => {},
      list: async () => ({ tasks: [], lastEventId: `bench-${this.#events}`, version: '' }),
      subscribe: (listener) => {
        // a new function: the plugin and the feed may subscribe with the same listener
        const subscriber = (event: TaskEvent) => listener(event)
        this.#listeners.add(subscriber)
        return () => { this.#listeners.delete(subscriber) }
      }
    }
    return used as TaskStore
  }
}
