import { setImmediate } from 'node:timers/promises'

/** The longest time between two returns to the event loop, in ms, unless a single item takes longer. */
const SLICE_MS = 5

/** Divides work into slices of a few ms, between which the event loop runs. Several loops may share the slices. */
export class TimeSlices {
  #since = performance.now()
  #pause: Promise<void> | undefined

  /** The slice has lasted long enough: wait for `pause`, then ask again, because another loop may have used up the next one. */
  get isOver (): boolean {
    return this.#pause !== undefined || performance.now() - this.#since >= SLICE_MS
  }

  /** Resolves when the event loop has run. */
  pause (): Promise<void> {
    this.#pause ??= setImmediate().then(() => {
      this.#since = performance.now()
      this.#pause = undefined
    })
    return this.#pause
  }
}

/** Processes items sequentially, yielding to the event loop every few ms. Rejects with the first error. */
export async function inTimeSlices<T> (items: Iterable<T>, work: (item: T) => void | Promise<void>, slices = new TimeSlices()): Promise<void> {
  while (slices.isOver) await slices.pause()
  for (const item of items) {
    const result = work(item)
    // waiting for nothing would take longer than short work
    if (result !== undefined) await result
    while (slices.isOver) await slices.pause()
  }
}
