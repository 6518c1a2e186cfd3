import t from 'tap'
import { CatalogueEntry } from '../../lib/directory/watch/catalogue-entry.ts'
import { Catalogue } from '../../lib/directory/watch/catalogue.ts'
import { toStoredTask } from '../../lib/shared/complete-task.ts'
import type { Task } from '../../lib/shared/task-schema.ts'

function add (catalogue: Catalogue, id: string, fields: Partial<Task> = {}): void {
  const task = toStoredTask(JSON.stringify({ id, status: 'queued', ...fields }))
  catalogue.set(catalogue.get(id) ?? new CatalogueEntry(id), task)
}

function idsOf (catalogue: Catalogue, before?: string): string[] {
  return catalogue.list({ ...(before !== undefined && { before }) }).tasks.map(({ id }) => id)
}

t.test('a catalogue lists tasks newest first, in whatever order they are added', async (t) => {
  const catalogue = new Catalogue()
  for (const id of ['task_2_b', 'task_3_c', 'task_1_a']) add(catalogue, id)
  t.strictSame(idsOf(catalogue), ['task_3_c', 'task_2_b', 'task_1_a'])
  add(catalogue, 'task_1_a', { createdAt: new Date(5).toISOString() })
  t.strictSame(idsOf(catalogue), ['task_1_a', 'task_3_c', 'task_2_b'], 'after a change of createdAt')
})

t.test('a catalogue does not list or count entries without a task', async (t) => {
  const catalogue = new Catalogue()
  add(catalogue, 'task_1_a')
  catalogue.addUnread(new CatalogueEntry('task_2_b'))
  t.strictSame(idsOf(catalogue), ['task_1_a'])
  t.equal(catalogue.size, 1)
  t.strictSame([...catalogue.entries.keys()], ['task_1_a', 'task_2_b'])
})

t.test('a catalogue does not list deleted tasks', async (t) => {
  const catalogue = new Catalogue()
  for (const id of ['task_1_a', 'task_2_b']) add(catalogue, id)
  catalogue.delete('task_2_b')
  t.strictSame(idsOf(catalogue), ['task_1_a'])
  t.equal(catalogue.size, 1)
})

t.test('a list continues after a deleted task, in ids without a time and with another createdAt', async (t) => {
  const catalogue = new Catalogue()
  for (const [index, id] of ['task_3_a', 'task_2_b', 'task_1_c', 'task_9_d'].entries()) add(catalogue, id, { createdAt: new Date(1000 - index).toISOString() })
  const { tasks, next } = catalogue.list({ limit: 2 })
  t.strictSame(tasks.map(({ id }) => id), ['task_3_a', 'task_2_b'])
  catalogue.delete('task_2_b')
  t.strictSame(idsOf(catalogue, next), ['task_1_c', 'task_9_d'])
})

t.test('a list continues after a deleted task by its id, if the id has a time', async (t) => {
  const catalogue = new Catalogue()
  for (const id of ['task_1700000000001_a', 'task_1700000000002_b', 'task_1700000000003_c']) add(catalogue, id)
  catalogue.delete('task_1700000000002_b')
  t.strictSame(idsOf(catalogue, 'task_1700000000002_b'), ['task_1700000000001_a'])
  t.throws(() => idsOf(catalogue, 'task_2_b'), { code: 'FST_TASKS_VALIDATION' })
})

t.test('a catalogue counts the tasks by status, and knows the oldest of each', async (t) => {
  const catalogue = new Catalogue()
  for (const id of ['task_3_c', 'task_1_a', 'task_2_b']) add(catalogue, id)
  add(catalogue, 'task_1_a', { status: 'running' })
  catalogue.delete('task_3_c')
  t.equal(catalogue.count('queued'), 1)
  t.equal(catalogue.count('running'), 1)
  t.equal(catalogue.count('failed'), 0)
  t.equal(catalogue.oldest('queued')?.id, 'task_2_b')
  t.equal(catalogue.oldest('failed'), undefined)
})
