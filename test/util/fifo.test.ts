import t from 'tap'
import { Fifo } from '../../lib/util/fifo.ts'

t.test('take() returns the items in the order in which they were added, then undefined', async (t) => {
  const fifo = new Fifo<number>()
  const taken: Array<number | undefined> = []
  for (let item = 0; item < 5000; item++) {
    fifo.add(item)
    if (item % 3 > 0) taken.push(fifo.take())
  }
  t.equal(fifo.size, 5000 - taken.length)
  while (fifo.size > 0) taken.push(fifo.take())
  t.strictSame(taken, Array.from({ length: 5000 }, (_, item) => item))
  t.equal(fifo.take(), undefined)
  fifo.add(1)
  t.equal(fifo.take(), 1)
})
