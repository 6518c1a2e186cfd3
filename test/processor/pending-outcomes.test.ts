import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DirectoryIdentity } from '../../lib/protocol/directory-identity.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import type { Outcome } from '../../lib/processor/run/outcome.ts'
import { PendingOutcomes } from '../../lib/processor/run/pending-outcomes.ts'
import { StateDirectory } from '../../lib/processor/state/state-directory.ts'
import { putTask, writeTaskFile } from '../task-files.ts'
import { makeDirectory, makeStateDirectory, readTaskOf, recordsOf, Said } from './fixtures.ts'

const ID = 'task_1_a'
const OUTCOME: Outcome = { status: 'failed', exitCode: 7, errorMessage: 'Exited with code 7.' }

/** The outcome of a task whose file is not valid JSON. */
async function pendingOutcome (t: Test) {
  const dir = makeDirectory(t, { [`${ID}.json`]: '{"half": ' })
  const directory = tasksDirectory(dir)
  const identity = new DirectoryIdentity(dir)
  await identity.remember()
  const logger = new Said()
  const state = await StateDirectory.open(makeStateDirectory(t), directory, logger)
  t.teardown(() => state.close())
  const attempt = state.createAttempt({ id: ID, type: 'custom' }, undefined)
  attempt.close()
  const pending = new PendingOutcomes({ directory, identity, logger, state, hurry: new AbortController().signal })
  pending.add(ID, OUTCOME, attempt)
  return { dir, logger, pending, state }
}

t.test('an outcome that still cannot be written stays pending, with its record', async (t) => {
  const { logger, pending } = await pendingOutcome(t)
  await pending.retry()
  t.strictSame(pending.ids, [ID])
  t.equal(recordsOf(t).length, 1)
  t.strictSame(logger.lines, [])
})

t.test('an outcome that can be written is written once, and its record is deleted', async (t) => {
  const { dir, logger, pending, state } = await pendingOutcome(t)
  await putTask(dir, ID, { status: 'running', mine: 1 })
  await pending.retry()
  await pending.retry()
  await state.idle()
  t.match(await readTaskOf(dir, ID), { ...OUTCOME, mine: 1 })
  t.strictSame(pending.ids, [])
  t.strictSame(recordsOf(t), [])
  t.strictSame(logger.lines, [`${ID} failed: the outcome could be written now`])
})

t.test('a task that another party has finished keeps its final status', async (t) => {
  const { dir, pending } = await pendingOutcome(t)
  await putTask(dir, ID, { status: 'cancelled' })
  await pending.retry()
  t.match(await readTaskOf(dir, ID), { status: 'cancelled' })
  t.strictSame(pending.ids, [])
})

t.test('a task that was deleted meanwhile is not created again', async (t) => {
  const { dir, pending } = await pendingOutcome(t)
  writeTaskFile(dir, ID, { status: 'running' })
  writeFileSync(join(dir, `${ID}.cancel`), '{"delete": true}')
  await pending.retry()
  t.notOk(existsSync(join(dir, `${ID}.json`)))
  t.strictSame(pending.ids, [])
})
