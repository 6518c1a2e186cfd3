import t from 'tap'
import { countByStatus, filterTasks, typesOf } from '../../../lib/dashboard/page/list/filter.ts'
import { task } from './task.ts'

const tasks = [
  task({ id: 'task_1_a', command: 'make Site', status: 'failed', errorMessage: 'Exited with code 3.' }),
  task({ id: 'task_2_b', command: 'ls', type: 'build', app: 'shop' }),
  task({ id: 'task_3_c', command: 5, type: null, app: 7, status: 'paused', createdAt: null }),
  task({ id: 'task_4_d', command: { toString: 1 }, status: { toString: 1 }, type: {}, createdAt: { toString: 1 } })
]
const idsOf = (filter: Parameters<typeof filterTasks>[1]) => filterTasks(tasks, filter).map(({ id }) => id)

t.test('filterTasks selects by status, type and words, also among malformed tasks', async (t) => {
  t.strictSame(idsOf({ status: 'failed' }), ['task_1_a'])
  t.strictSame(idsOf({ type: 'build' }), ['task_2_b'])
  t.strictSame(idsOf({ text: ' SITE  exited ' }), ['task_1_a'])
  t.strictSame(idsOf({ text: 'shop' }), ['task_2_b'])
  t.strictSame(idsOf({ text: '5' }), ['task_3_c'])
})

t.test('filterTasks returns the same array for an empty filter', async (t) => {
  t.equal(filterTasks(tasks, {}), tasks, 'so that nothing is rendered again')
})

t.test('countByStatus counts the known statuses', async (t) => {
  t.strictSame(countByStatus(tasks), { queued: 1, running: 0, completed: 0, failed: 1, cancelled: 0 })
})

t.test('typesOf lists the types that are strings', async (t) => {
  t.strictSame(typesOf(tasks), ['build', 'custom'])
})
