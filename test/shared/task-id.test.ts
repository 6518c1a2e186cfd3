import t from 'tap'
import { createTaskId, isTaskId } from '../../lib/shared/task-id.ts'

t.test('createTaskId returns valid ids that differ', async (t) => {
  const ids = Array.from({ length: 1000 }, () => createTaskId())
  t.equal(new Set(ids).size, 1000)
  t.ok(ids.every(isTaskId))
})
