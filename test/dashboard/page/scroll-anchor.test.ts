import t from 'tap'
import { ScrollAnchor } from '../../../lib/dashboard/page/list/scroll-anchor.ts'

const rows = (...ids: string[]) => ({ shown: ids.map((id) => ({ id })), height: 40 })

t.test('the anchor restores the row at the top after rows were added above it', async (t) => {
  const anchor = new ScrollAnchor()
  anchor.save(50, rows('a', 'b', 'c'))
  t.equal(anchor.scrollTop(rows('new', 'a', 'b', 'c')), 90)
})

t.test('a list at its top has no anchor', async (t) => {
  const anchor = new ScrollAnchor()
  t.equal(anchor.scrollTop(rows('a')), undefined)
  anchor.save(50, rows('a', 'b'))
  anchor.save(0, rows('a', 'b'))
  t.equal(anchor.scrollTop(rows('a', 'b')), undefined)
})

t.test('an anchor whose row is not shown restores nothing', async (t) => {
  const anchor = new ScrollAnchor()
  anchor.save(50, rows('a', 'b'))
  t.equal(anchor.scrollTop(rows('a')), undefined)
})
