import t from 'tap'
import { ranMs, waitedMs } from '../../../lib/dashboard/page/task/task-times.ts'

const running = { createdAt: '2026-01-01T00:00:00Z', startedAt: '2026-01-01T00:00:02Z', completedAt: null, status: 'running' }
const now = Date.parse('2026-01-01T00:00:05Z')

t.test('a running task has waited until its start and runs until now', async (t) => {
  t.strictSame([waitedMs(running, now), ranMs(running, now)], [2000, 3000])
})

t.test('a queued task waits until now', async (t) => {
  const queued = { ...running, startedAt: null, status: 'queued' }
  t.strictSame([waitedMs(queued, now), ranMs(queued, now)], [5000, undefined])
})

t.test('the duration of a finished task without an end is unknown', async (t) => {
  t.equal(ranMs({ ...running, status: 'failed' }, now), undefined)
})

t.test('a duration is never negative, even with another clock', async (t) => {
  t.equal(ranMs(running, 0), 0)
})
