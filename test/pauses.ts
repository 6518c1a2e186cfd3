import { readFileSync } from 'node:fs'
import { errorCode } from '../lib/util/error-code.ts'

/** A time in which the event loop could not run a timer. */
export interface Pause {
  /** By the monotonic clock of the machine, in ms. */
  readonly from: number
  readonly ms: number
}

export interface Pauses {
  readonly longestMs: number
  /** The sum of all pauses of more than 10 ms. */
  readonly totalMs: number
  /** The long pauses, at most 100 of them. */
  readonly long: readonly Pause[]
}

const EVERY_MS = 5
const COUNTED_MS = 10
const MAX_LONG = 100

/**
 * Measures the pauses of this process's event loop. It does not count the time in which the thread could have run, but other
 * threads of the machine had its CPU: so a busy machine does not look like a slow program.
 */
export class PauseMeter {
  readonly #longMs: number
  #longestMs = 0
  #totalMs = 0
  #long: Pause[] = []
  #last = now()
  #waited = waitedForCpu()
  readonly #timer = setInterval(() => this.#measure(), EVERY_MS).unref()

  /** @param longMs above this duration, a pause is long */
  constructor (longMs = 200) {
    this.#longMs = longMs
  }

  /** The pauses since the previous call. */
  take (): Pauses {
    this.#measure()
    const taken = { longestMs: this.#longestMs, totalMs: this.#totalMs, long: this.#long }
    this.#longestMs = 0
    this.#totalMs = 0
    this.#long = []
    return taken
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  #measure (): void {
    const [time, waited] = [now(), waitedForCpu()]
    const ms = time - this.#last - EVERY_MS - (waited - this.#waited)
    if (ms > this.#longestMs) this.#longestMs = ms
    if (ms > COUNTED_MS) this.#totalMs += ms
    if (ms > this.#longMs && this.#long.length < MAX_LONG) this.#long.push({ from: this.#last, ms })
    this.#last = time
    this.#waited = waited
  }
}

/** How long the main thread was ready to run, but did not, in ms. Zero on systems that do not say. */
function waitedForCpu (): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw error
  }
}

function now (): number {
  return Number(process.hrtime.bigint()) / 1e6
}
