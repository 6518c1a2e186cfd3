import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { synchronousFileSystem } from '../../lib/protocol/synchronous-file-system.ts'
import { QueueIndex } from '../../lib/processor/queue/queue-index.ts'
import { makeDirectory } from './fixtures.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const text = (id: string) => JSON.stringify({ id, command: 'true', type: 'custom', status: 'queued', createdAt: new Date().toISOString() })

t.test('a task that is put in place while the names are read is not forgotten', async (t) => {
  // as the processor does: then it is read before the names are there
  const dir = makeDirectory(t, { 'task_1_gone.json': text('task_1_gone') })
  const index = new QueueIndex(tasksDirectory(dir, synchronousFileSystem), () => {})
  await index.scan()
  t.equal(index.oldest(() => true)?.id, 'task_1_gone')
  renameSync(join(dir, 'task_1_gone.json'), join(dir, 'elsewhere'))
  const scanning = index.scan()
  // the names are read by another thread, which does not wait for this one
  for (const since = performance.now(); performance.now() - since < 50;);
  writeFileSync(join(dir, 'task_2_new.json'), text('task_2_new'))
  await index.refresh('task_2_new')
  t.notOk((await scanning).includes('task_2_new.json'), 'they were read before')
  t.equal(index.oldest(() => true)?.id, 'task_2_new')
})
