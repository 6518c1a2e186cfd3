import t from 'tap'
import { DueQueue } from '../../lib/util/due-queue.ts'
import { randomFrom } from '../random.ts'

/** The due keys, until `budgetMs` has passed. */
function take (queue: DueQueue, budgetMs?: number): string[] {
  return [...queue.takeDue(budgetMs)]
}

t.test('takeDue() yields the keys that are due, the earliest first, and leaves the others', async (t) => {
  const queue = new DueQueue()
  for (const [key, due] of [['c', 3], ['a', 1], ['late', 1e12], ['b', 2]] as const) queue.set(key, due)
  t.strictSame(take(queue), ['a', 'b', 'c'])
  t.strictSame(take(queue), [])
  t.strictSame([queue.has('late'), queue.has('a'), queue.size], [true, false, 1])
})

t.test('set() changes when a key is due, delete() removes it', async (t) => {
  const queue = new DueQueue()
  for (const key of ['a', 'b', 'c', 'd']) queue.set(key, 1)
  queue.set('a', 1e12)
  queue.set('b', 2)
  queue.set('c', 0)
  queue.delete('d')
  queue.delete('none')
  t.strictSame(take(queue), ['c', 'b'])
})

t.test('bringForward() adds a key or makes it due earlier, never later', async (t) => {
  const queue = new DueQueue()
  for (const [key, due] of [['a', 2], ['b', 3]] as const) queue.set(key, due)
  queue.bringForward('a', 4)
  queue.bringForward('b', 1)
  queue.bringForward('c', 5)
  t.strictSame(take(queue), ['b', 'a', 'c'])
})

t.test('takeDue() yields a key that is set meanwhile only at the next call', async (t) => {
  const queue = new DueQueue()
  queue.set('a', 0)
  const seen: string[] = []
  for (const key of queue.takeDue()) {
    seen.push(key)
    queue.set(key, performance.now() + 1e-6)
  }
  t.strictSame(seen, ['a'])
  t.ok(queue.has('a'))
})

t.test('takeDue() yields at least one key, and no more when its time is over', async (t) => {
  const queue = new DueQueue()
  for (const key of ['a', 'b']) queue.set(key, 0)
  t.equal(take(queue, 0).length, 1)
  t.equal(queue.size, 1)
})

t.test('after any sequence of changes, takeDue() yields every due key in order', async (t) => {
  const random = randomFrom(1)
  const queue = new DueQueue()
  const expected = new Map<string, number>()
  for (let change = 0; change < 5000; change++) {
    const key = `key ${random.below(300)}`
    if (random.below(3) === 0) {
      queue.delete(key)
      expected.delete(key)
    } else {
      const due = random.below(1e9) / 1e9
      queue.set(key, due)
      expected.set(key, due)
    }
  }
  t.strictSame(take(queue).map((key) => expected.get(key)), [...expected.values()].sort((a, b) => a - b))
  t.equal(queue.size, 0)
})
