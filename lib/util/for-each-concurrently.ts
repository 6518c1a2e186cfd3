import { inTimeSlices, TimeSlices } from './time-slices.ts'

/**
 * Calls `work` for each item, with at most `limit` calls in progress, and yields to the event loop every few ms. Calls
 * start in the order of the items.
 * @returns resolves when all calls have resolved; rejects with the first error, after which no further call starts
 */
export async function forEachConcurrently<T> (items: Iterable<T>, limit: number, work: (item: T) => void | Promise<void>): Promise<void> {
  const shared = iterateOnce(items)
  const slices = new TimeSlices()
  await Promise.all(Array.from({ length: limit }, () => inTimeSlices(shared, work, slices)))
}

/** An iterator that several loops share. It ends for all of them when one of them fails, which array iterators do not. */
function * iterateOnce<T> (items: Iterable<T>): Generator<T, void, undefined> {
  yield * items
}
