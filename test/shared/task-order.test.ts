import t from 'tap'
import { creationTime, newestFirst } from '../../lib/shared/task-order.ts'

t.test('creationTime() prefers createdAt, then created_at, then the time in the id', async (t) => {
  const id = 'task_5_a'
  t.equal(creationTime({ id, createdAt: '1970-01-01T00:00:01Z', created_at: '1970-01-01T00:00:02Z' }), 1000)
  t.equal(creationTime({ id, createdAt: 'yesterday', created_at: '1970-01-01T00:00:02Z' }), 2000)
  t.equal(creationTime({ id, createdAt: 7, created_at: null }), 5)
})

t.test('newestFirst() sorts by time, then by id', async (t) => {
  const keys = [{ id: 'a', createdAt: 1 }, { id: 'b', createdAt: 2 }, { id: 'c', createdAt: 1 }]
  t.strictSame(keys.sort(newestFirst).map(({ id }) => id), ['b', 'c', 'a'])
})

t.test('newestFirst() returns 0 only for the same task', async (t) => {
  t.equal(newestFirst({ id: 'a', createdAt: 1 }, { id: 'a', createdAt: 1 }), 0)
})
