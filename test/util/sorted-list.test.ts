import t from 'tap'
import { SortedList, type Order } from '../../lib/util/sorted-list.ts'

const numbers = (a: number, b: number) => a - b
/** Ten items in a row have equal keys. */
const tens: Order<number> = { keyOf: (item) => Math.floor(item / 10), compareEqual: numbers }

t.test('a sorted list equals a sorted array after any mix of additions and deletions', async (t) => {
  const list = new SortedList(tens)
  const expected = new Set<number>()
  let state = 1
  for (let step = 0; step < 20_000; step++) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    const item = state % 5000
    // grows to some blocks, then shrinks to nothing
    const isAddition = step < 12_000 ? state % 7 > 1 : state % 7 > 5
    if (isAddition && !expected.has(item)) {
      list.add(item)
      expected.add(item)
    } else if (!isAddition && list.delete(item) !== expected.delete(item)) t.fail(`delete(${item}) at step ${step}`)
  }
  const sorted = [...expected].sort(numbers)
  t.strictSame([...list], sorted)
  t.equal(list.length, sorted.length)
  for (const from of [-1, 0, 17, 2500, 4999, 6000]) t.strictSame([...list.from((item) => item > from)], sorted.filter((item) => item > from), String(from))
  t.equal(list.findLast((item) => item % 100 < 50), sorted.findLast((item) => item % 100 < 50))
  t.equal(list.findLast(() => false), undefined)
  for (const item of sorted) list.delete(item)
  t.strictSame([...list], [])
  t.equal(list.length, 0)
})

t.test('an empty list has no items', async (t) => {
  const list = new SortedList(tens)
  t.equal(list.delete(1), false)
  t.strictSame([...list.from(() => true)], [])
})
