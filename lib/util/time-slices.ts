import { setImmediate } from 'node:timers/promises'

/** The longest time between two returns to the event loop, in ms, unless a single item takes longer. */
const SLICE_MS = 5

/** Processes items sequentially, yielding to the event loop every few ms. Rejects with the first error. */
export async function inTimeSlices<T> (items: Iterable<T>, work: (item: T) => void | Promise<void>): Promise<void> {
  let since = performance.now()
  for (const item of items) {
    await work(item)
    if (performance.now() - since < SLICE_MS) continue
    await setImmediate()
    since = performance.now()
  }
}
