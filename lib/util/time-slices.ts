import { setImmediate } from 'node:timers/promises'

/** How long others may have to wait, in ms. */
const TURN_MS = 5

/** Processes items sequentially, yielding to the event loop every few ms. */
export async function inTimeSlices<T> (items: Iterable<T>, work: (item: T) => void | Promise<void>): Promise<void> {
  let since = performance.now()
  for (const item of items) {
    await work(item)
    if (performance.now() - since < TURN_MS) continue
    await setImmediate()
    since = performance.now()
  }
}
