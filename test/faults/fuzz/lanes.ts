import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { PauseMeter, type Pauses } from '../../pauses.ts'
import { randomFrom, type Random } from '../../random.ts'

/** One of several loops that run at the same time, each with random numbers of its own. */
export interface Lane {
  readonly random: Random
  /** Aborted when the time is over. */
  readonly signal: AbortSignal
  /** Says what the lane does now, for the report of a pause or of a failure. */
  note (what: string): void
  /** Waits, or until the time is over. */
  pause (ms: number): Promise<void>
}

/** Does one random thing. A rejection is a finding and ends the lane. */
export type Step = (lane: Lane) => Promise<void>

export interface Lanes {
  readonly seed: number
  readonly seconds: number
  readonly steps: Readonly<Record<string, Step>>
}

interface Note {
  readonly at: number
  readonly text: string
}

const MAX_NOTES = 2000
const MAX_NOTE_LENGTH = 200

/** What the lanes did and found. */
export class Run {
  readonly counts: Record<string, number> = {}
  readonly findings: string[] = []
  #notes: Note[] = []
  /** If this process pauses at the same time as another, the machine may be the cause. */
  readonly #own = new PauseMeter(50)

  /** Repeats each step in a lane of its own until the time is over. The lane's seed derives from its name. */
  async drive ({ seed, seconds, steps }: Lanes): Promise<void> {
    const signal = AbortSignal.timeout(seconds * 1000)
    setMaxListeners(0, signal)
    await Promise.all(Object.entries(steps).map(async ([name, step]) => {
      const random = randomFrom(seed ^ hashOf(name))
      const note = (text: string) => this.#note(`${name}: ${text}`)
      const pause = async (ms: number) => { await sleep(ms, undefined, { signal }).catch(() => {}) }
      while (!signal.aborted) {
        try {
          await step({ random, signal, note, pause })
        } catch (error) {
          this.findings.push(`${name}: ${(error as Error).stack}\nThe lane's last steps:\n${this.#last(name)}`)
          return
        }
        this.counts[name] = (this.counts[name] ?? 0) + 1
      }
    }))
  }

  /** Describes what the lanes did in each pause, and shortly before. */
  causes ({ long }: Pauses): string[] {
    const own = this.#own.take().long
    return long.map(({ from, ms }) => {
      const notes = this.#notes.filter(({ at }) => at > from - 100 && at < from + ms).map(({ text }) => `    ${text}`)
      const same = own.filter((pause) => pause.from < from + ms && pause.from + pause.ms > from).map((pause) => `, and ${pause.ms.toFixed(0)} ms of this process`)
      return [`${ms.toFixed(0)} ms${same.join('')}:`, ...notes].join('\n')
    })
  }

  #note (text: string): void {
    this.#notes.push({ at: Number(process.hrtime.bigint()) / 1e6, text: text.slice(0, MAX_NOTE_LENGTH) })
    if (this.#notes.length > 2 * MAX_NOTES) this.#notes = this.#notes.slice(-MAX_NOTES)
  }

  #last (name: string): string {
    return this.#notes.filter(({ text }) => text.startsWith(`${name}: `)).slice(-5).map(({ text }) => `  ${text}`).join('\n')
  }
}

function hashOf (text: string): number {
  let hash = 0
  for (const character of text) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) | 0
  return hash
}
