import t from 'tap'
import { isActive, isTerminal, TASK_STATUSES } from '../../lib/shared/task-status.ts'

t.test('each status is either active or terminal', async (t) => {
  t.strictSame(TASK_STATUSES.filter(isActive), ['queued', 'running'])
  t.strictSame(TASK_STATUSES.filter(isTerminal), ['completed', 'failed', 'cancelled'])
})

t.test('an unknown status is neither active nor terminal', async (t) => {
  for (const status of [undefined, '', 'done', 'Queued']) t.strictSame([isActive(status), isTerminal(status)], [false, false])
})
