import t from 'tap'
import { CatalogueEntry } from '../../lib/directory/watch/catalogue-entry.ts'
import { Catalogue } from '../../lib/directory/watch/catalogue.ts'
import { toStoredTask } from '../../lib/shared/stored-task.ts'
import type { Task } from '../../lib/shared/task-schema.ts'

function add (catalogue: Catalogue, id: string, fields: Partial<Task> = {}): void {
  const task = toStoredTask({ id, status: 'queued', ...fields } as Task, '{}')
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

t.test('a list continues after a task that was deleted', async (t) => {
  const catalogue = new Catalogue()
  for (const id of ['task_1_a', 'task_2_b', 'task_3_c']) add(catalogue, id)
  catalogue.delete('task_2_b')
  t.strictSame(idsOf(catalogue, 'task_2_b'), ['task_1_a'])
})
