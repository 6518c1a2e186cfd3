import type { OutgoingEvent } from './outgoing-event.ts'

export interface JoinedFrames {
  readonly bytes: Buffer
  readonly count: number
}

/** The frames of one flush for the clients without a selection, joined when the first client needs them. */
export class SharedFrames {
  readonly #events: readonly OutgoingEvent[]
  #all: JoinedFrames | undefined
  #noLogs: JoinedFrames | undefined

  constructor (events: readonly OutgoingEvent[]) {
    this.#events = events
  }

  get all (): JoinedFrames {
    this.#all ??= join(this.#events)
    return this.#all
  }

  get 'no-logs' (): JoinedFrames {
    this.#noLogs ??= join(this.#events.filter(({ event }) => event.type !== 'task.log'))
    return this.#noLogs
  }
}

function join (events: readonly OutgoingEvent[]): JoinedFrames {
  return { bytes: Buffer.concat(events.map(({ frame }) => frame)), count: events.length }
}
