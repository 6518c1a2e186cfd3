import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCancelMarker, removeCancelMarker } from '../../lib/protocol/cancel-marker.ts'
import { claimTask, readClaim } from '../../lib/protocol/claim.ts'
import { MAX_TASK_BYTES } from '../../lib/protocol/file-names.ts'
import { changeTask, formatTask, readTask } from '../../lib/protocol/task-file.ts'
import { cancelTask, deleteTask, finishTask } from '../../lib/protocol/transitions.ts'
import { ID, names, taskIn, temporaryNames, writeClaim, writeMarker, writeTask } from './fixtures/task-files.ts'
import { before, systemError, withoutLinks } from './fixtures/system-calls.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`
const MARKER_NAME = `${ID}.cancel`

t.test('only one claimant gets a queued task until it releases the claim', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  const takers = await Promise.all(Array.from({ length: 20 }, () => claimTask(tasksDirectory(dir), ID, 'processor')))
  const [taken, ...others] = takers.filter((taken) => taken !== undefined)
  t.strictSame(others, [])
  t.strictSame(await readClaim(tasksDirectory(dir), ID), taken!.claim)
  t.equal(taken!.task.id, ID)
  await taken!.release()
  t.ok(await claimTask(tasksDirectory(dir), ID, 'cancel'))
})

t.test('what is not queued can\'t be taken, and no claim is left', async (t) => {
  const dir = t.testdir()
  t.equal(await claimTask(tasksDirectory(dir), ID, 'processor'), undefined, 'missing')
  for (const status of ['running', 'completed', 'failed', 'cancelled', 'paused']) {
    writeTask(dir, { status })
    t.equal(await claimTask(tasksDirectory(dir), ID, 'processor'), undefined, status)
  }
  writeFileSync(join(dir, JSON_NAME), '{')
  await t.rejects(claimTask(tasksDirectory(dir), ID, 'processor'), { code: 'UNREADABLE' })
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('a release leaves the claim of somebody else alone', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  const taken = await claimTask(tasksDirectory(dir), ID, 'processor')
  writeClaim(dir, 'cancel')
  await taken!.release()
  t.strictSame(await readClaim(tasksDirectory(dir), ID), { by: 'cancel', nonce: 'x' })
})

t.test('a claim counts only when it is complete', async (t) => {
  const dir = t.testdir()
  for (const text of ['', '{"by": "proc', '[]', 'null', '{"by": "somebody", "nonce": "x"}', '{"by": "cancel"}']) {
    writeFileSync(join(dir, CLAIM_NAME), text)
    t.equal(await readClaim(tasksDirectory(dir), ID), undefined, text)
  }
})

t.test('a marker is a wish to cancel, unless it says delete', async (t) => {
  const dir = t.testdir()
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), undefined)
  for (const text of ['', '{}', 'null', '1', '{"delete": "true"}', '{"dele']) {
    writeFileSync(join(dir, MARKER_NAME), text)
    t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'cancel', text)
  }
  writeMarker(dir, 'delete')
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
  await removeCancelMarker(tasksDirectory(dir), ID)
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete', 'which is not cleared with the wish to cancel')
  symlinkSync('nowhere', join(dir, 'task_2_a.cancel'))
  t.equal(await readCancelMarker(tasksDirectory(dir), 'task_2_a'), 'cancel')
  before(t, 'open', () => { throw systemError('EIO') })
  await t.rejects(readCancelMarker(tasksDirectory(dir), ID), { code: 'EIO' })
})

t.test('a change keeps all fields that it does not name', async (t) => {
  const dir = t.testdir()
  const foreign = { created_at: '2020-01-01', config: { deep: [null, { ä: '\u2028' }] }, owner: 7, constructor: 'x', exitCode: '1' }
  writeTask(dir, foreign)
  await changeTask(tasksDirectory(dir), ID, { status: 'running' })
  t.strictSame(taskIn(dir), { id: ID, command: 'true', ...foreign, status: 'running' })
  writeFileSync(join(dir, JSON_NAME), `{"id": "${ID}", "__proto__": {"a": 1}}`)
  await changeTask(tasksDirectory(dir), ID, { status: 'running' })
  t.equal(JSON.stringify(taskIn(dir)), `{"id":"${ID}","__proto__":{"a":1},"status":"running"}`)
})

t.test('a change does not bring a deleted task back', async (t) => {
  const dir = t.testdir()
  t.equal(await changeTask(tasksDirectory(dir), ID, { status: 'running' }), undefined)
  t.equal(await finishTask(tasksDirectory(dir), ID, { status: 'completed' }), undefined)
  t.strictSame(names(dir), [])
})

t.test('a task that can be read can still be read after a change', async (t) => {
  const dir = t.testdir()
  // 800 KB as it stands, 4 MB when each item has a line of its own
  writeTask(dir, { config: Array(400_000).fill(1) })
  await changeTask(tasksDirectory(dir), ID, { status: 'running' })
  t.equal((await readTask(tasksDirectory(dir), ID))?.status, 'running')
  t.ok(formatTask(taskIn(dir)).length < MAX_TASK_BYTES)
})

t.test('the end of a task clears the wish to stop it', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  writeMarker(dir, 'cancel')
  await finishTask(tasksDirectory(dir), ID, { status: 'failed', exitCode: 3 })
  t.match(taskIn(dir), { status: 'failed', exitCode: 3, completedAt: /^\d{4}-.*Z$/ })
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('the end of a task that is deleted just then clears what is left of it', async (t) => {
  const dir = t.testdir({ [`${ID}.log`]: 'output' })
  writeTask(dir, { status: 'running' })
  let removed = false
  before(t, 'rename', async (_from, to) => {
    // between the reading of the task and its writing
    if (!to.endsWith('.json') || removed) return
    removed = true
    await deleteTask(tasksDirectory(dir), ID, { force: true })
  })
  t.equal(await finishTask(tasksDirectory(dir), ID, { status: 'completed' }), undefined)
  t.ok(removed)
  t.strictSame(names(dir), [])
})

t.test('cancelling a queued task is done at once, and done alone', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { owner: 'me' })
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => cancelTask(tasksDirectory(dir), ID)))
  t.equal(outcomes.filter((outcome) => outcome === 'cancelled').length > 0, true)
  t.match(taskIn(dir), { status: 'cancelled', errorMessage: 'Cancelled before start.', owner: 'me', completedAt: String })
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'finished')
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
})

t.test('the wish to cancel stands before anything else is done', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'link', (_from, to) => { if (to.endsWith(CLAIM_NAME)) t.strictSame(names(dir), [MARKER_NAME, JSON_NAME]) })
  t.plan(2)
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'cancelled')
})

t.test('cancelling where hard links are refused', async (t) => {
  withoutLinks(t)
  const dir = t.testdir()
  writeTask(dir)
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'cancelled')
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
})

t.test('cancelling a task that runs, is claimed or is being written leaves the wish', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'requested')
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'requested', 'again')
  t.strictSame(names(dir), [MARKER_NAME, JSON_NAME])
  writeTask(dir, {}, 'task_2_a')
  writeClaim(dir, 'processor', 'task_2_a')
  t.equal(await cancelTask(tasksDirectory(dir), 'task_2_a'), 'requested')
  t.equal(taskIn(dir, 'task_2_a').status, 'queued')
  writeFileSync(join(dir, 'task_3_a.json'), '{"id": "task_3')
  t.equal(await cancelTask(tasksDirectory(dir), 'task_3_a'), 'requested')
  t.strictSame(names(dir).slice(2), ['task_2_a.cancel', 'task_2_a.claim', 'task_2_a.json', 'task_3_a.cancel', 'task_3_a.json'])
})

t.test('cancelling a finished task leaves no marker', async (t) => {
  const dir = t.testdir()
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'missing')
  const meanwhile: Array<[outcome: string, act: () => unknown]> = [
    ['ended', () => writeTask(dir, { status: 'completed' })],
    ['cancelled', () => writeTask(dir, { status: 'cancelled' })],
    ['missing', () => rmSync(join(dir, JSON_NAME))]
  ]
  for (const [outcome, act] of meanwhile) {
    await t.test(`it is ${outcome} just then`, async (t) => {
      writeTask(dir, { status: 'running' })
      before(t, 'link', async (_from, to) => {
        // the moment between the first look and the marker
        if (to.endsWith(MARKER_NAME)) await act()
      })
      t.equal(await cancelTask(tasksDirectory(dir), ID), outcome)
      t.strictSame(names(dir), outcome === 'missing' ? [] : [JSON_NAME])
    })
  }
})

t.test('cancelling never takes back a deletion', async (t) => {
  const dir = t.testdir()
  writeTask(dir, { status: 'running' })
  writeMarker(dir, 'delete')
  t.equal(await cancelTask(tasksDirectory(dir), ID), 'missing')
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
  writeTask(dir, {}, 'task_2_a')
  before(t, 'link', (_from, to) => { if (to.endsWith('.cancel')) writeMarker(dir, 'delete', 'task_2_a') })
  t.equal(await cancelTask(tasksDirectory(dir), 'task_2_a'), 'missing', 'it was deleted between the first look and the marker')
  t.strictSame(names(dir), [MARKER_NAME, JSON_NAME], 'and is gone')
})

t.test('a full disk while it cancels leaves the wish', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'rename', () => { throw systemError('ENOSPC') })
  await t.rejects(cancelTask(tasksDirectory(dir), ID), { code: 'ENOSPC' })
  t.strictSame(names(dir), [MARKER_NAME, CLAIM_NAME, JSON_NAME])
})

t.test('removing: what has ended at once, what is active by force', async (t) => {
  const dir = t.testdir()
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'missing')
  for (const status of ['completed', 'failed', 'cancelled', 'paused']) {
    writeTask(dir, { status })
    writeFileSync(join(dir, `${ID}.log`), 'output')
    t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'deleted', status)
    t.strictSame(names(dir), [], status)
  }
  writeTask(dir)
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'active')
  t.strictSame(names(dir), [JSON_NAME], 'a refusal touches nothing')
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
  t.strictSame(names(dir), [], 'nobody holds a queued task: nothing stays')
})

t.test('a full disk does not keep what has ended from being removed', async (t) => {
  const dir = t.testdir()
  before(t, 'rename', () => { throw systemError('ENOSPC') })
  writeTask(dir, { status: 'running' })
  await t.rejects(deleteTask(tasksDirectory(dir), ID, { force: true }), { code: 'ENOSPC' })
  t.strictSame(names(dir), [JSON_NAME])
  writeTask(dir, { status: 'completed' })
  writeFileSync(join(dir, `${ID}.log`), 'output')
  t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'deleted')
  t.strictSame([...names(dir), ...temporaryNames(dir)], [])
})

t.test('removing what somebody may hold leaves the marker, which says so', async (t) => {
  const dir = t.testdir()
  const held: Array<() => void> = [
    () => writeTask(dir, { status: 'running' }),
    () => { writeTask(dir); writeClaim(dir, 'processor') },
    () => writeFileSync(join(dir, JSON_NAME), '{"id": ')
  ]
  for (const hold of held) {
    hold()
    t.equal(await deleteTask(tasksDirectory(dir), ID, { force: false }), 'active')
    t.equal(await deleteTask(tasksDirectory(dir), ID, { force: true }), 'deleted')
    t.strictSame(names(dir), [MARKER_NAME])
    t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete')
  }
})

t.test('the system\'s refusals are passed on', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  mkdirSync(join(dir, `${ID}.log`))
  await t.rejects(deleteTask(tasksDirectory(dir), ID, { force: true }), { code: /EISDIR|EPERM/ })
  t.equal(await readCancelMarker(tasksDirectory(dir), ID), 'delete', 'the deletion stands for whoever can finish it')
  before(t, 'open', () => { throw systemError('EIO') })
  await t.rejects(cancelTask(tasksDirectory(dir), ID), { code: 'EIO' })
})
