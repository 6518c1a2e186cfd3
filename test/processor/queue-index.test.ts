import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { synchronousFileSystem } from '../../lib/protocol/synchronous-file-system.ts'
import { QueueIndex } from '../../lib/processor/queue/queue-index.ts'
import { putTask, taskText } from '../task-files.ts'
import { makeDirectory } from './fixtures.ts'

function timeAt (seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

/** The index of a directory with queued tasks, and one that is finished. */
async function indexOf (t: Test): Promise<{ dir: string, index: QueueIndex }> {
  const dir = makeDirectory(t)
  for (const [id, seconds, type] of [['task_9_c', 3, 'x'], ['task_9_a', 1, 'y'], ['task_9_b', 2, 'x'], ['task_9_d', 2, 'x']] as const) {
    await putTask(dir, id, { createdAt: timeAt(seconds), type })
  }
  await putTask(dir, 'task_9_e', { createdAt: timeAt(0), status: 'completed' })
  await putTask(dir, 'task_9_f', { createdAt: timeAt(5), type: 'x'.repeat(1000) })
  const index = new QueueIndex(tasksDirectory(dir), () => {})
  await index.scan()
  return { dir, index }
}

/** Takes every task that is accepted. */
function takeAll (index: QueueIndex, accepts = (_type: string) => true): string {
  const ids: string[] = []
  for (let task; (task = index.takeOldest(({ type }) => accepts(type))) !== undefined;) ids.push(task.id)
  return ids.join(' ')
}

t.test('queued tasks are taken in the order of their creation, then of their ids', async (t) => {
  const { index } = await indexOf(t)
  t.equal(takeAll(index), 'task_9_a task_9_b task_9_d task_9_c task_9_f')
})

t.test('tasks that are not accepted are passed over', async (t) => {
  const { index } = await indexOf(t)
  t.equal(takeAll(index, (type) => type === 'x'), 'task_9_b task_9_d task_9_c')
  t.equal(takeAll(index), 'task_9_a task_9_f')
})

t.test('a type of more than 200 characters counts as an empty one', async (t) => {
  const { index } = await indexOf(t)
  t.strictSame(takeAll(index, (type) => type === ''), 'task_9_f')
})

t.test('a forgotten task is not taken', async (t) => {
  const { index } = await indexOf(t)
  index.forget('task_9_a')
  t.equal(takeAll(index), 'task_9_b task_9_d task_9_c task_9_f')
})

t.test('a task that is no longer queued after a refresh is not taken', async (t) => {
  const { dir, index } = await indexOf(t)
  await putTask(dir, 'task_9_d', { createdAt: timeAt(2), status: 'running' })
  await index.refresh('task_9_d')
  t.equal(takeAll(index), 'task_9_a task_9_b task_9_c task_9_f')
})

t.test('a scan reads forgotten and changed tasks again', async (t) => {
  const { dir, index } = await indexOf(t)
  index.forget('task_9_a')
  await putTask(dir, 'task_9_d', { createdAt: timeAt(9) })
  await index.scan()
  t.equal(takeAll(index), 'task_9_a task_9_b task_9_c task_9_f task_9_d')
})

t.test('a scan adds taken tasks again that are still queued', async (t) => {
  const { index } = await indexOf(t)
  takeAll(index)
  await index.scan()
  t.equal(takeAll(index), 'task_9_a task_9_b task_9_d task_9_c task_9_f')
})

t.test('finished tasks are listed', async (t) => {
  const { index } = await indexOf(t)
  t.strictSame(index.finished().map(({ id }) => id), ['task_9_e'])
})

t.test('an unusable file is reported once, when a second scan finds it unusable', async (t) => {
  const dir = makeDirectory(t, { 'task_1_a.json': '{"half": ' })
  const reports: string[] = []
  const index = new QueueIndex(tasksDirectory(dir), (id, problem) => reports.push(`${id}: ${problem}`))
  await index.scan()
  t.strictSame(reports, [])
  await index.scan()
  await index.scan()
  t.strictSame(reports, ['task_1_a: it is not valid JSON'])
})

t.test('a task that is created while the names are read is kept', async (t) => {
  // with the file system of the processor, the task is read before the names arrive
  const dir = makeDirectory(t, { 'task_1_gone.json': taskText('task_1_gone') })
  const index = new QueueIndex(tasksDirectory(dir, synchronousFileSystem), () => {})
  await index.scan()
  renameSync(join(dir, 'task_1_gone.json'), join(dir, 'elsewhere'))
  const scanning = index.scan()
  // another thread reads the names and does not wait for this one
  for (const since = performance.now(); performance.now() - since < 50;);
  writeFileSync(join(dir, 'task_2_new.json'), taskText('task_2_new'))
  await index.refresh('task_2_new')
  t.notOk((await scanning).includes('task_2_new.json'), 'the names were read before')
  t.equal(takeAll(index), 'task_2_new')
})
