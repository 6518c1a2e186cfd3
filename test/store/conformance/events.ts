import { EventEmitter, once } from 'node:events'
import type { TaskEvent } from '../../../lib/store.ts'
import { WAIT_MS } from '../../wait-for.ts'

/** Matches the upserts of a task, with this status if it is given. */
export function upsertOf (id: string, status?: string): (event: TaskEvent) => boolean {
  return (event) => event.type === 'task.upsert' && event.task.id === id && (status === undefined || event.task.status === status)
}

/** The events that a subscription has received. */
export class Events {
  readonly seen: TaskEvent[] = []
  readonly #added = new EventEmitter()

  add (event: TaskEvent): void {
    this.seen.push(event)
    this.#added.emit('event')
  }

  /** Resolves with the first matching event, among those received and those to come. */
  async find (matches: (event: TaskEvent) => boolean): Promise<TaskEvent> {
    const signal = AbortSignal.timeout(WAIT_MS)
    for (;;) {
      const found = this.seen.find(matches)
      if (found !== undefined) return found
      await once(this.#added, 'event', { signal }).catch(() => { throw this.#timeout(matches) })
    }
  }

  #timeout (matches: (event: TaskEvent) => boolean): Error {
    const seen = this.seen.map((event) => `\n  ${JSON.stringify(event).slice(0, 300)}`)
    return new Error(`No event with ${matches} within ${WAIT_MS} ms. Received:${seen.join('')}`)
  }
}
