import t from 'tap'
import { inTimeSlices } from '../../lib/util/time-slices.ts'

/** Blocks the thread. */
function block (ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

t.test('inTimeSlices() processes the items sequentially and in order', async (t) => {
  const steps: string[] = []
  await inTimeSlices(['a', 'b'], async (item) => {
    steps.push(`${item} starts`)
    await Promise.resolve()
    steps.push(`${item} ends`)
  })
  t.strictSame(steps, ['a starts', 'a ends', 'b starts', 'b ends'])
})

t.test('inTimeSlices() yields to the event loop during long work', async (t) => {
  let turns = 0
  let isDone = false
  const count = () => { turns++; if (!isDone) setImmediate(count) }
  setImmediate(count)
  await inTimeSlices([1, 2, 3, 4, 5], () => block(6))
  isDone = true
  t.ok(turns >= 4, `the event loop had ${turns} turns`)
})

t.test('inTimeSlices() does not yield to the event loop for short work', async (t) => {
  let turns = 0
  const immediate = setImmediate(() => { turns++ })
  await inTimeSlices([1, 2, 3], () => {})
  clearImmediate(immediate)
  t.equal(turns, 0)
})

t.test('inTimeSlices() rejects with the first error and does not process the items after it', async (t) => {
  const seen: number[] = []
  await t.rejects(inTimeSlices([1, 2, 3], (item) => {
    seen.push(item)
    if (item === 2) throw new Error('failed')
  }), /failed/)
  t.strictSame(seen, [1, 2])
})
