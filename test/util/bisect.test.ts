import t from 'tap'
import { bisect } from '../../lib/util/bisect.ts'

for (let length = 0; length <= 9; length++) {
  t.test(`bisect() finds each first index below ${length}, or ${length} if there is none`, async (t) => {
    for (let first = 0; first <= length; first++) t.equal(bisect(length, (index) => index >= first), first)
  })
}

t.test('bisect() starts at low', async (t) => {
  t.equal(bisect(10, () => true, 4), 4)
  t.equal(bisect(10, (index) => index >= 7, 4), 7)
  t.equal(bisect(10, () => false, 10), 10)
})

t.test('bisect() of a million indexes calls the function at most 20 times, with valid indexes', async (t) => {
  const indexes: number[] = []
  t.equal(bisect(1e6, (index) => { indexes.push(index); return index >= 765_432 }), 765_432)
  t.ok(indexes.length <= 20, `${indexes.length} calls`)
  t.ok(indexes.every((index) => index >= 0 && index < 1e6), `the indexes are ${indexes}`)
})

t.test('bisect() works with indexes above 2^31', { timeout: 10_000 }, async (t) => {
  t.equal(bisect(2 ** 32 - 1, (index) => index >= 3_000_000_000, 2 ** 31 - 1), 3_000_000_000)
})
