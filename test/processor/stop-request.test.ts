import { renameSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DirectoryIdentity } from '../../lib/protocol/directory-identity.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import type { StopReason } from '../../lib/processor/run/stop-reason.ts'
import { readStopRequest } from '../../lib/processor/run/stop-request.ts'
import { putTask } from '../task-files.ts'
import { makeDirectory } from './fixtures.ts'

const ID = 'task_1_a'

const TABLE: Array<[name: string, status: string | undefined, marker: string | undefined, reason: StopReason | undefined]> = [
  ['a running task has no request', 'running', undefined, undefined],
  ['a cancel marker is a request', 'running', '{}', 'cancelled'],
  ['a delete marker is a request', 'running', '{"delete": true}', 'deleted'],
  ['a missing task file is a request', undefined, undefined, 'deleted'],
  ['a missing task file overrides a cancel marker', undefined, '{}', 'deleted'],
  ['a final status by another party is a request', 'failed', undefined, 'disowned'],
  ['a final status by another party overrides a cancel marker', 'cancelled', '{}', 'disowned'],
  ['a delete marker overrides a final status', 'failed', '{"delete": true}', 'deleted']
]

for (const [name, status, marker, reason] of TABLE) {
  t.test(`${name}: ${reason ?? 'none'}`, async (t) => {
    const dir = makeDirectory(t)
    const identity = new DirectoryIdentity(dir)
    await identity.remember()
    if (status !== undefined) await putTask(dir, ID, { status })
    if (marker !== undefined) writeFileSync(join(dir, `${ID}.cancel`), marker)
    t.equal(await readStopRequest(tasksDirectory(dir), identity, ID), reason)
  })
}

t.test('a missing task file in another directory by the same path is not a request', async (t) => {
  const root = makeDirectory(t, { tasks: {} })
  const dir = join(root, 'tasks')
  const identity = new DirectoryIdentity(dir)
  await identity.remember()
  renameSync(dir, join(root, 'moved'))
  mkdirSync(dir)
  t.equal(await readStopRequest(tasksDirectory(dir), identity, ID), undefined)
})

t.test('an unreadable task file rejects, so that the next check retries', async (t) => {
  const dir = makeDirectory(t, { [`${ID}.json`]: '{"half": ' })
  await t.rejects(readStopRequest(tasksDirectory(dir), new DirectoryIdentity(dir), ID), { message: /not valid JSON/ })
})
