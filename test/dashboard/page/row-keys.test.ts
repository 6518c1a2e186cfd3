import t from 'tap'
import { rowForKey } from '../../../lib/dashboard/page/list/row-keys.ts'

t.test('each key moves to a row of the list', async (t) => {
  const position = { current: 5, count: 20, page: 4 }
  for (const [key, row] of [['ArrowDown', 6], ['j', 6], ['ArrowUp', 4], ['k', 4], ['PageDown', 9], ['PageUp', 1], ['Home', 0], ['End', 19], ['x', undefined]] as const) {
    t.equal(rowForKey(key, position), row, key)
  }
})

t.test('keys do not move beyond the first and the last row', async (t) => {
  t.equal(rowForKey('PageUp', { current: 1, count: 20, page: 4 }), 0)
  t.equal(rowForKey('j', { current: 19, count: 20, page: 4 }), 19)
})

t.test('an empty list has no row to move to', async (t) => {
  t.equal(rowForKey('End', { current: 0, count: 0, page: 4 }), undefined)
})
