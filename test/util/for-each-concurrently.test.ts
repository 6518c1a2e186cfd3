import t from 'tap'
import { forEachConcurrently } from '../../lib/util/for-each-concurrently.ts'

async function nextTurn (): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

t.test('forEachConcurrently() calls the function once for each item, in order', async (t) => {
  const seen: number[] = []
  await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    seen.push(item)
    await nextTurn()
  })
  t.strictSame(seen, [1, 2, 3, 4, 5, 6, 7])
})

t.test('forEachConcurrently() has as many calls in progress as the limit allows, and no more', async (t) => {
  let active = 0
  let most = 0
  await forEachConcurrently(Array.from({ length: 20 }).keys(), 4, async () => {
    most = Math.max(most, ++active)
    await nextTurn()
    active--
  })
  t.equal(most, 4)
})

t.test('forEachConcurrently() resolves only when the last call has resolved', async (t) => {
  let ended = 0
  await forEachConcurrently([1, 2, 3], 2, async (item) => {
    for (let turn = 0; turn < item; turn++) await nextTurn()
    ended++
  })
  t.equal(ended, 3)
})

t.test('forEachConcurrently() resolves without items', async (t) => {
  await forEachConcurrently([], 4, () => { t.fail('the function was called') })
  t.pass('resolved')
})

t.test('forEachConcurrently() rejects with the first error and starts no further calls', async (t) => {
  const seen: number[] = []
  const promise = forEachConcurrently([1, 2, 3, 4, 5, 6], 2, async (item) => {
    seen.push(item)
    await nextTurn()
    if (item === 1) throw new Error('first')
    await nextTurn()
  })
  await t.rejects(promise, /first/)
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  t.strictSame(seen, [1, 2])
})

t.test('forEachConcurrently() yields to the event loop every few ms, whatever the limit', async (t) => {
  let turns = 0
  let isDone = false
  const count = () => { turns++; if (!isDone) setImmediate(count) }
  setImmediate(count)
  await forEachConcurrently(Array.from({ length: 40 }), 20, () => {
    const end = performance.now() + 3
    while (performance.now() < end);
  })
  isDone = true
  t.ok(turns >= 18, `the event loop had ${turns} turns in 40 calls of 3 ms`)
})
