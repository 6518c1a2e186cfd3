import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCancelMarker } from '../../lib/protocol/cancel-marker.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { cancelTask, deleteTask, finishTask } from '../../lib/protocol/transitions.ts'
import { before, systemError, withoutLinks } from './fixtures/system-calls.ts'
import { ID, names, taskIn, temporaryNames, writeClaim, writeMarker, writeTask } from './fixtures/task-files.ts'

const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`
const MARKER_NAME = `${ID}.cancel`
const LOG_NAME = `${ID}.log`

t.test('finishTask() writes the final status and the time', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  await finishTask(tasksDirectory(dir), ID, { status: 'failed', exitCode: 3 })
  t.match(taskIn(dir), { status: 'failed', exitCode: 3, completedAt: /^\d{4}-.*Z$/ })
})

t.test('finishTask() removes the cancellation request', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  writeMarker(dir, 'cancel')
  await finishTask(tasksDirectory(dir), ID, { status: 'failed' })
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('finishTask() does not create a deleted task again', async (t) => {
  const dir = t.testdir()
  t.equal(await finishTask(tasksDirectory(dir), ID, { status: 'completed' }), undefined)
  t.strictSame(names(dir), [])
})

t.test('finishTask() removes the files of a task that is deleted while it writes', async (t) => {
  const dir = t.testdir({ [LOG_NAME]: 'output' })
  writeTask(dir, { status: 'running' })
  let deleted = false
  before(t, 'rename', async (_from, to) => {
    // after the task was read, before it is written
    if (!to.endsWith('.json') || deleted) return
    deleted = true
    await deleteTask(tasksDirectory(dir), ID, { force: true })
  })
  t.equal(await finishTask(tasksDirectory(dir), ID, { status: 'completed' }), undefined)
  t.ok(deleted, 'the task was deleted before the write')
  t.strictSame(names(dir), [])
})

t.test('cancelTask() finishes a queued task immediately', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { owner: 'me' })
  const cancellation = await cancelTask(tasksDirectory(dir), ID)
  t.match(cancellation, { outcome: 'cancelled' })
  if (cancellation.outcome === 'cancelled') t.match(cancellation.task.parse(), { status: 'cancelled', owner: 'me' })
  t.match(taskIn(dir), { status: 'cancelled', errorMessage: 'Cancelled before start.', owner: 'me', completedAt: String })
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
})

t.test('parallel cancelTask() calls leave one cancelled task and no other files', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  const outcomes = await Promise.all(Array.from({ length: 5 }, async () => (await cancelTask(tasksDirectory(dir), ID)).outcome))
  t.ok(outcomes.includes('cancelled'), `the outcomes are ${outcomes}`)
  t.equal(taskIn(dir).status, 'cancelled')
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'finished' })
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
})

t.test('cancelTask() creates the marker before the claim', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'link', (_from, to) => { if (to.endsWith(CLAIM_NAME)) t.strictSame(names(dir), [MARKER_NAME, JSON_NAME]) })
  t.plan(2)
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'cancelled' })
})

t.test('cancelTask() cancels a queued task on a mount without hard links', async (t) => {
  withoutLinks(t)
  const dir = t.testdir()
  writeTask(dir)
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'cancelled' })
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
})

t.test('cancelTask() leaves a marker for the processor of a running task, also when called again', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'requested' })
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'requested' })
  t.strictSame(names(dir), [MARKER_NAME, JSON_NAME])
})

t.test('cancelTask() leaves a marker for the processor that has claimed a queued task', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  writeClaim(dir, 'processor')
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'requested' })
  t.equal(taskIn(dir).status, 'queued')
  t.strictSame(names(dir), [MARKER_NAME, CLAIM_NAME, JSON_NAME])
})

t.test('cancelTask() leaves a marker for a task file that is partially written', async (t) => {
  const dir = t.testdir({ [JSON_NAME]: '{"id": "task_1' })
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'requested' })
  t.strictSame(names(dir), [MARKER_NAME, JSON_NAME])
})

t.test('cancelTask() returns "missing" if there is no task', async (t) => {
  const dir = t.testdir()
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'missing' })
  t.strictSame(names(dir), [])
})

const changes: Array<[change: string, outcome: string, act: (dir: string) => unknown]> = [
  ['completes', 'finished', (dir) => writeTask(dir, { status: 'completed' })],
  ['is cancelled', 'cancelled', (dir) => writeTask(dir, { status: 'cancelled' })],
  ['is deleted', 'missing', (dir) => rmSync(join(dir, JSON_NAME))]
]

for (const [change, outcome, act] of changes) {
  t.test(`cancelTask() leaves no marker for a task that ${change} before the marker is created`, async (t) => {
    const dir = t.testdir()
    writeTask(dir, { status: 'running' })
    before(t, 'link', async (_from, to) => { if (to.endsWith(MARKER_NAME)) await act(dir) })
    t.match(await cancelTask(tasksDirectory(dir), ID), { outcome })
    t.strictSame(names(dir), outcome === 'missing' ? [] : [JSON_NAME])
  })
}

t.test('cancelTask() keeps a delete marker', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  writeMarker(dir, 'delete')
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'missing' })
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
})

t.test('cancelTask() removes the files of a task that is deleted before the cancel marker is created', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'link', (_from, to) => { if (to.endsWith(MARKER_NAME)) writeMarker(dir, 'delete') })
  t.match(await cancelTask(tasksDirectory(dir), ID), { outcome: 'missing' })
  t.strictSame(names(dir), [])
})

t.test('cancelTask() leaves its marker and claim if the disk is full', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'rename', () => { throw systemError('ENOSPC') })
  await t.rejects(cancelTask(tasksDirectory(dir), ID), { code: 'ENOSPC' })
  t.strictSame(names(dir), [MARKER_NAME, CLAIM_NAME, JSON_NAME])
})

t.test('cancelTask() passes on system errors', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'open', () => { throw systemError('EIO') })
  await t.rejects(cancelTask(tasksDirectory(dir), ID), { code: 'EIO' })
})

t.test('deleteTask() returns "missing" if there is no task', async (t) => {
  t.equal(await deleteTask(tasksDirectory(t.testdir()), ID, { force: true }), 'missing')
})

for (const status of ['completed', 'failed', 'cancelled', 'paused']) {
  t.test(`deleteTask() removes all files of a task that is ${status}`, async (t) => {
    const dir = t.testdir({ [LOG_NAME]: 'output' })
    writeTask(dir, { status })
    t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'deleted')
    t.strictSame(names(dir), [])
  })
}

t.test('deleteTask() without force refuses a queued task and changes nothing', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'active')
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('deleteTask() with force removes all files of an unclaimed queued task', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
  t.strictSame(names(dir), [])
})

const held: Array<[name: string, arrange: (dir: string) => void]> = [
  ['a running task', (dir) => writeTask(dir, { status: 'running' })],
  ['a queued task with a claim', (dir) => { writeTask(dir); writeClaim(dir, 'processor') }],
  ['a partially written task', (dir) => writeFileSync(join(dir, JSON_NAME), '{"id": ')]
]

for (const [name, arrange] of held) {
  t.test(`deleteTask() leaves the delete marker of ${name} for the processor`, async (t) => {
    const dir = t.testdir()
    arrange(dir)
    t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'active')
    t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
    t.strictSame(names(dir), [MARKER_NAME])
    t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
  })
}

t.test('deleteTask() with force waits for a program that holds the claim of a queued task to cancel or delete it', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  let attempts = 0
  before(t, 'link', (_from, to) => {
    if (!to.endsWith(CLAIM_NAME)) return
    if (++attempts === 1) writeClaim(dir, 'cancel')
    else rmSync(join(dir, CLAIM_NAME))
  })
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
  t.equal(attempts, 2)
  t.strictSame(names(dir), [], 'the delete marker is not left for the other program')
})

t.test('deleteTask() with force leaves the delete marker if a claim to cancel stays, as after a crash', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  writeClaim(dir, 'cancel')
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
  t.strictSame(names(dir), [MARKER_NAME])
})

t.test('deleteTask() deletes a finished task on a full disk', async (t) => {
  const dir = t.testdir({ [LOG_NAME]: 'output' })
  before(t, 'rename', () => { throw systemError('ENOSPC') })
  writeTask(dir, { status: 'completed' })
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'deleted')
  t.strictSame([...names(dir), ...temporaryNames(dir)], [])
})

t.test('deleteTask() keeps a running task if it cannot create the marker on a full disk', async (t) => {
  const dir = t.testdir()
  before(t, 'rename', () => { throw systemError('ENOSPC') })
  writeTask(dir, { status: 'running' })
  await t.rejects(deleteTask(tasksDirectory(dir), ID, { force: true }), { code: 'ENOSPC' })
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('deleteTask() leaves the delete marker if it fails', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'unlink', (path) => { if (path.endsWith(LOG_NAME)) throw systemError('EIO') })
  await t.rejects(deleteTask(tasksDirectory(dir), ID, { force: true }), { code: 'EIO' })
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
})

t.test('deleteTask() leaves directories that have the names of a log and a claim', async (t) => {
  const dir = t.testdir({ [LOG_NAME]: { inner: 'x' }, [CLAIM_NAME]: {} })
  writeTask(dir, { status: 'completed' })
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'deleted')
  t.strictSame(names(dir), [CLAIM_NAME, LOG_NAME])
})

t.test('deleteTask() changes nothing if a directory has the name of the task file or of the marker', async (t) => {
  for (const name of [JSON_NAME, MARKER_NAME]) {
    for (const force of [false, true]) {
      const dir = t.testdir({ [name]: {} })
      if (name !== JSON_NAME) writeTask(dir, { status: 'completed' })
      const found = names(dir)
      await t.rejects(deleteTask(tasksDirectory(dir), ID, { force }), { code: 'FOREIGN', fileName: name, message: 'it is a directory' })
      t.strictSame(names(dir), found)
    }
  }
})

t.test('deleteTask() without force keeps a task that is created again before the marker', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'completed' })
  before(t, 'rename', (_from, to) => { if (to.endsWith(MARKER_NAME)) writeTask(dir, { status: 'queued' }) })
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'active')
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('deleteTask() with force cancels a task that is created again before the marker', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'completed' })
  before(t, 'rename', (_from, to) => { if (to.endsWith(MARKER_NAME)) writeTask(dir, { status: 'running' }) })
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
  t.strictSame(names(dir), [MARKER_NAME], 'the processor that runs it stops its command')
})
