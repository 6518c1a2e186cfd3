import { setTimeout as sleep } from 'node:timers/promises'
import { answer, cpu } from './child.ts'
import { now } from './lab.ts'
import { EVENT_BYTES, pieceOf, type Piece } from './source.ts'

/** So many events of so many bytes in one turn of the event loop. */
export interface Burst {
  readonly count: number
  readonly bytes?: number
}

export interface Steady {
  readonly perSecond: number
  readonly seconds: number
}

/** In a server of the bench: tells pieces of a log to all its clients, when it is asked to. */
export function answerBroadcasts (port: number, tell: (piece: Piece) => void): void {
  let number = 0
  answer({ port }, {
    cpu,
    /** @returns the log's size after it */
    burst: ({ count, bytes = EVENT_BYTES }: Burst) => {
      for (let index = 0; index < count; index++) tell(pieceOf(number++, now(), bytes))
      return number * bytes
    },
    /** Each event bears the time at which it was due: one that a busy event loop delayed is late. */
    steady: async ({ perSecond, seconds }: Steady) => {
      const start = now()
      for (let index = 0; index < perSecond * seconds; index++) {
        const due = start + index * 1000 / perSecond
        if (due > now()) await sleep(due - now())
        tell(pieceOf(number++, due, EVENT_BYTES))
      }
      return number * EVENT_BYTES
    }
  })
}
