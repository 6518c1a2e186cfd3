import type { TaskEvent } from '../store.ts'
import { eventFrame } from './event-frame.ts'

/** An event with its frame, which is encoded at most once and shared by all connections. */
export class OutgoingEvent {
  readonly event: TaskEvent
  #frame: Buffer | undefined

  constructor (event: TaskEvent) {
    this.event = event
  }

  get frame (): Buffer {
    this.#frame ??= eventFrame(this.event)
    return this.#frame
  }
}
