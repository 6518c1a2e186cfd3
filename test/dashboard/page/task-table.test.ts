import t from 'tap'
import { TaskTable } from '../../../lib/dashboard/page/task-table.ts'
import { task } from './task.ts'

t.test('the table lists tasks newest first and applies changes to a new list', async (t) => {
  const table = new TaskTable()
  table.replace([task({ id: 'task_1_a' }), task({ id: 'task_2_b', createdAt: '2026-01-02T00:00:00.000Z' })])
  const before = table.list
  t.strictSame(before.map(({ id }) => id), ['task_2_b', 'task_1_a'])
  table.apply([{ type: 'upsert', task: task({ id: 'task_3_c', createdAt: '2026-01-03T00:00:00.000Z' }) }, { type: 'deleted', id: 'task_2_b' }, { type: 'deleted', id: 'task_9_x' }])
  t.strictSame(table.list.map(({ id }) => id), ['task_3_c', 'task_1_a'])
  t.not(table.list, before)
  t.equal(table.get('task_2_b'), undefined)
})
