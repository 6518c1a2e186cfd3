import { setTimeout as sleep } from 'node:timers/promises'
import { answer, cpu } from './child.ts'
import { now } from './lab.ts'
import { EVENT_BYTES, pieceOf, type Piece } from './source.ts'

/** `count` events of `bytes` bytes (default: `EVENT_BYTES`) in one turn of the event loop. */
export interface Burst {
  readonly count: number
  readonly bytes?: number
}

export interface Steady {
  readonly perSecond: number
  readonly seconds: number
}

/** In a server of the bench: emits pieces of a log to all clients when the parent process requests it. */
export function answerBroadcasts (port: number, emit: (piece: Piece) => void): void {
  let number = 0
  answer({ port }, {
    cpu,
    /** @returns the size of the log after the burst */
    burst: ({ count, bytes = EVENT_BYTES }: Burst) => {
      for (let index = 0; index < count; index++) emit(pieceOf(number++, now(), bytes))
      return number * bytes
    },
    /** Each event contains the time at which it was due, so that a delay by a busy event loop counts. */
    steady: async ({ perSecond, seconds }: Steady) => {
      const start = now()
      for (let index = 0; index < perSecond * seconds; index++) {
        const due = start + index * 1000 / perSecond
        if (due > now()) await sleep(due - now())
        emit(pieceOf(number++, due, EVENT_BYTES))
      }
      return number * EVENT_BYTES
    }
  })
}
