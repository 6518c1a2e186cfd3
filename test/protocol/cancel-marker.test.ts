import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createCancelMarker, createDeleteMarker, readCancelMarker, removeCancelMarker } from '../../lib/protocol/cancel-marker.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { before, systemError } from './fixtures/system-calls.ts'
import { ID, names, writeMarker } from './fixtures/task-files.ts'

const MARKER_NAME = `${ID}.cancel`

t.test('readCancelMarker() returns undefined if there is no marker', async (t) => {
  t.equal(await readCancelMarker(tasksDirectory(t.testdir()), ID), undefined)
})

for (const text of ['', '{}', 'null', '1', '{"delete": "true"}', '{"dele']) {
  t.test(`readCancelMarker() returns "cancel" for ${JSON.stringify(text)}`, async (t) => {
    const dir = t.testdir()
    writeFileSync(join(dir, MARKER_NAME), text)
    t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'cancel')
  })
}

t.test('readCancelMarker() returns "cancel" for a symbolic link', async (t) => {
  const dir = t.testdir()
  symlinkSync('nowhere', join(dir, MARKER_NAME))
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'cancel')
})

t.test('readCancelMarker() returns "delete" for {"delete": true}', async (t) => {
  const dir = t.testdir()
  writeMarker(dir, 'delete')
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
})

t.test('readCancelMarker() passes on system errors', async (t) => {
  const dir = t.testdir()
  writeMarker(dir, 'cancel')
  before(t, 'open', () => { throw systemError('EIO') })
  await t.rejects(readCancelMarker(tasksDirectory(dir), ID), { code: 'EIO' })
})

t.test('createCancelMarker() keeps a delete marker', async (t) => {
  const dir = t.testdir()
  writeMarker(dir, 'delete')
  await createCancelMarker(tasksDirectory(dir), ID)
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
})

t.test('createDeleteMarker() replaces a cancellation request', async (t) => {
  const dir = t.testdir()
  await createCancelMarker(tasksDirectory(dir), ID)
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'cancel')
  await createDeleteMarker(tasksDirectory(dir), ID)
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
})

t.test('removeCancelMarker() removes a cancellation request', async (t) => {
  const dir = t.testdir()
  writeMarker(dir, 'cancel')
  await removeCancelMarker(tasksDirectory(dir), ID)
  t.strictSame(names(dir), [])
})

t.test('removeCancelMarker() keeps a delete marker', async (t) => {
  const dir = t.testdir()
  writeMarker(dir, 'delete')
  await removeCancelMarker(tasksDirectory(dir), ID)
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
})
