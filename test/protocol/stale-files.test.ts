import { rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { claimTask } from '../../lib/protocol/claim.ts'
import { StaleFiles, type StaleFilesOptions } from '../../lib/protocol/stale-files.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { before, systemError } from './fixtures/system-calls.ts'
import { ID, names, taskIn, temporaryNames, writeClaim, writeMarker, writeTask } from './fixtures/task-files.ts'

const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`
const LOG_NAME = `${ID}.log`
const MARKER_NAME = `${ID}.cancel`
const NEVER = 1e9
const STALE = { staleAfterMs: 0, expireAfterMs: NEVER }
const EXPIRED = { staleAfterMs: 0, expireAfterMs: 0 }

interface Situation {
  readonly status?: string
  /** Of the task file, instead of a task. */
  readonly text?: string
  readonly marker?: 'cancel' | 'delete'
  readonly claim?: 'processor' | 'cancel' | 'incomplete' | 'symbolic link'
}

function arrange (t: Test, { status, text, marker, claim }: Situation): string {
  const dir = t.testdir()
  if (status !== undefined) writeTask(dir, { status })
  if (text !== undefined) writeFileSync(join(dir, JSON_NAME), text)
  if (marker !== undefined) writeMarker(dir, marker)
  if (claim === 'incomplete') writeFileSync(join(dir, CLAIM_NAME), '')
  else if (claim === 'symbolic link') symlinkSync('nowhere', join(dir, CLAIM_NAME))
  else if (claim !== undefined) writeClaim(dir, claim)
  return dir
}

function observing (dir: string, options: StaleFilesOptions = {}, ids: string[] = [ID]): StaleFiles {
  const staleFiles = new StaleFiles(tasksDirectory(dir), options)
  for (const id of ids) staleFiles.observe(id)
  return staleFiles
}

/** Observes the files, then cleans up. @returns the ids of the changed tasks */
async function cleanUp (t: Test, dir: string, options: StaleFilesOptions): Promise<string[]> {
  const staleFiles = observing(dir, { onError: (error) => { throw error }, ...options })
  t.strictSame(await staleFiles.cleanUp(), [], 'the first call only observes')
  return await staleFiles.cleanUp()
}

/** Counts the calls that read or change a file from now on. */
function countCalls (t: Test): () => number {
  let calls = 0
  for (const call of ['open', 'lstat', 'unlink', 'rename', 'link'] as const) before(t, call, () => { calls++ })
  return () => calls
}

const ALL = [MARKER_NAME, CLAIM_NAME, JSON_NAME]
const situations: Array<[name: string, situation: Situation, options: StaleFilesOptions, remaining: string[], status?: string]> = [
  ['finishes a cancellation that was interrupted after its claim', { status: 'queued', marker: 'cancel', claim: 'cancel' }, STALE, [JSON_NAME], 'cancelled'],
  ['finishes a cancellation that was interrupted before its claim', { status: 'queued', marker: 'cancel' }, STALE, [JSON_NAME], 'cancelled'],
  ['keeps a claim by cancel without a marker until it expires', { status: 'queued', claim: 'cancel' }, STALE, [CLAIM_NAME, JSON_NAME], 'queued'],
  ['removes an expired claim by cancel without a marker', { status: 'queued', claim: 'cancel' }, EXPIRED, [JSON_NAME], 'queued'],
  ['keeps an incomplete claim until it expires', { status: 'queued', marker: 'cancel', claim: 'incomplete' }, STALE, ALL, 'queued'],
  ['removes an expired incomplete claim', { status: 'queued', marker: 'cancel', claim: 'incomplete' }, EXPIRED, [MARKER_NAME, JSON_NAME], 'queued'],
  ['removes an expired claim that is a symbolic link', { status: 'queued', claim: 'symbolic link' }, EXPIRED, [JSON_NAME], 'queued'],
  ['keeps the claim of a processor', { status: 'queued', marker: 'cancel', claim: 'processor' }, EXPIRED, ALL, 'queued'],
  ['keeps the claim of a processor that seems dead', { status: 'queued', marker: 'cancel', claim: 'processor' }, { ...EXPIRED, isProcessorAlive: () => false }, ALL, 'queued'],
  ['removes the claim of a processor if called by a processor that does not hold the task', { status: 'queued', claim: 'processor' }, { ...STALE, isProcessorAlive: () => false, isProcessor: true }, [JSON_NAME], 'queued'],
  ['keeps the files of a running task', { status: 'running', marker: 'cancel', claim: 'cancel' }, EXPIRED, ALL, 'running'],
  ['keeps the files of a task with an unknown status', { status: 'paused', marker: 'cancel', claim: 'cancel' }, EXPIRED, ALL, 'paused'],
  ['keeps the files of a partially written task', { text: '{"id"', marker: 'cancel', claim: 'cancel' }, EXPIRED, ALL],
  ['removes the claim and the marker of a completed task', { status: 'completed', marker: 'cancel', claim: 'processor' }, STALE, [JSON_NAME], 'completed'],
  ['removes the claim of a cancelled task', { status: 'cancelled', claim: 'cancel' }, STALE, [JSON_NAME], 'cancelled'],
  ['keeps a claim and a marker without a task until they expire', { marker: 'cancel', claim: 'processor' }, STALE, [MARKER_NAME, CLAIM_NAME]],
  ['removes an expired claim and marker without a task', { marker: 'cancel', claim: 'processor' }, EXPIRED, []],
  ['finishes a deletion and leaves the marker for a living processor', { status: 'running', marker: 'delete', claim: 'processor' }, STALE, [MARKER_NAME]],
  ['finishes a deletion completely if no processor is alive', { status: 'running', marker: 'delete' }, { ...STALE, isProcessorAlive: () => false }, []],
  ['finishes an expired deletion completely', { status: 'queued', marker: 'delete' }, EXPIRED, []],
  ['finishes the deletion of a task that cannot be read', { text: '{', marker: 'delete' }, EXPIRED, []]
]

for (const [name, situation, options, remaining, status] of situations) {
  t.test(`cleanUp() ${name}`, async (t) => {
    const dir = arrange(t, situation)
    const found = names(dir)
    const changed = await cleanUp(t, dir, options)
    t.strictSame(names(dir), remaining)
    if (status !== undefined) t.equal(taskIn(dir).status, status)
    t.strictSame(changed, found.length === remaining.length ? [] : [ID])
  })
}

t.test('finishing a deletion removes the log', async (t) => {
  const dir = arrange(t, { status: 'completed', marker: 'delete' })
  writeFileSync(join(dir, LOG_NAME), 'output')
  await cleanUp(t, dir, EXPIRED)
  t.strictSame(names(dir), [])
})

t.test('a cancellation with an incomplete claim is finished after the claim has been removed', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'incomplete' })
  const staleFiles = observing(dir, EXPIRED)
  for (let round = 0; round < 4; round++) await staleFiles.cleanUp()
  t.strictSame(names(dir), [JSON_NAME])
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('several programs may clean up the same task at the same time', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  await Promise.all(Array.from({ length: 5 }, () => cleanUp(t, dir, STALE)))
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('an old mtime does not make files stale', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  for (const name of [CLAIM_NAME, MARKER_NAME]) utimesSync(join(dir, name), 1, 1)
  const staleFiles = observing(dir, { staleAfterMs: NEVER })
  t.strictSame([await staleFiles.cleanUp(), await staleFiles.cleanUp()], [[], []])
})

t.test('files with an mtime in the future become stale after staleAfterMs, not before', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const tomorrow = Date.now() / 1000 + 86_400
  for (const name of [CLAIM_NAME, MARKER_NAME]) utimesSync(join(dir, name), tomorrow, tomorrow)
  const staleFiles = observing(dir, { staleAfterMs: 200 })
  const start = performance.now()
  let changed = await staleFiles.cleanUp()
  while (changed.length === 0) changed = await staleFiles.cleanUp()
  const ageMs = performance.now() - start
  t.ok(ageMs >= 200, `cleaned up after ${ageMs} ms`)
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('a changed claim is observed again before it counts as stale', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const staleFiles = observing(dir, STALE)
  await staleFiles.cleanUp()
  rmSync(join(dir, CLAIM_NAME))
  t.ok(await claimTask(tasksDirectory(dir), ID, 'cancel'), 'another program claims the task')
  t.strictSame(await staleFiles.cleanUp(), [])
  t.strictSame(names(dir), ALL)
  t.strictSame(await staleFiles.cleanUp(), [ID])
})

t.test('a forgotten task is observed again before it counts as stale', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const staleFiles = observing(dir, STALE)
  await staleFiles.cleanUp()
  staleFiles.forget(ID)
  t.strictSame(await staleFiles.cleanUp(), [])
  staleFiles.observe(ID)
  t.strictSame(await staleFiles.cleanUp(), [])
  t.strictSame(await staleFiles.cleanUp(), [ID])
})

t.test('observeOnly() forgets other tasks and keeps the age of known ones', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  writeTask(dir, {}, 'task_2_a')
  writeMarker(dir, 'cancel', 'task_2_a')
  const staleFiles = observing(dir, STALE, [ID, 'task_2_a'])
  await staleFiles.cleanUp()
  staleFiles.observeOnly(new Set([ID]))
  t.strictSame(await staleFiles.cleanUp(), [ID])
  staleFiles.observeOnly(new Set(['task_2_a']))
  t.strictSame(await staleFiles.cleanUp(), [])
  t.strictSame(await staleFiles.cleanUp(), ['task_2_a'])
})

for (const [files, situation, options] of [
  ['fresh files', { status: 'queued', marker: 'cancel', claim: 'cancel' }, {}],
  ['stale files to which a rule applies only later', { marker: 'cancel', claim: 'cancel' }, { staleAfterMs: 0 }],
  ['stale files to which no rule applies', { status: 'running', marker: 'cancel', claim: 'cancel' }, { staleAfterMs: 0 }]
] as const) {
  t.test(`cleanUp() looks once at ${files}, and then does no file I/O`, async (t) => {
    const staleFiles = observing(arrange(t, situation), options)
    const calls = countCalls(t)
    await staleFiles.cleanUp()
    const first = calls()
    t.ok(first > 0, `${first} calls`)
    for (let round = 0; round < 100; round++) await staleFiles.cleanUp()
    t.equal(calls(), first)
  })
}

t.test('a marker that precedes its task counts when the task is observed', async (t) => {
  const dir = arrange(t, { marker: 'cancel' })
  const staleFiles = observing(dir, STALE)
  for (let round = 0; round < 3; round++) t.strictSame(await staleFiles.cleanUp(), [])
  writeTask(dir)
  staleFiles.observe(ID)
  t.strictSame(await staleFiles.cleanUp(), [ID])
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('a task that is observed during its clean-up is looked at again', async (t) => {
  const dir = arrange(t, { marker: 'cancel' })
  const staleFiles = observing(dir, STALE)
  await staleFiles.cleanUp()
  staleFiles.observe(ID)
  let isCreated = false
  before(t, 'open', (path: string) => {
    if (isCreated || path.endsWith('.json')) return
    isCreated = true
    writeTask(dir)
    staleFiles.observe(ID)
  })
  t.strictSame([await staleFiles.cleanUp(), await staleFiles.cleanUp()].flat(), [ID])
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('while a processor is alive, a delete marker is left until it expires, also if the deletion has to be repeated', async (t) => {
  const dir = arrange(t, { status: 'running', marker: 'delete' })
  const staleFiles = observing(dir, { staleAfterMs: 0, expireAfterMs: 300 })
  await staleFiles.cleanUp()
  t.strictSame(await staleFiles.cleanUp(), [ID])
  writeTask(dir)
  staleFiles.observe(ID)
  t.strictSame(await staleFiles.cleanUp(), [ID])
  t.strictSame(names(dir), [MARKER_NAME])
  let changed: string[] = []
  while (changed.length === 0) changed = await staleFiles.cleanUp()
  t.strictSame(names(dir), [])
})

t.test('cleanUp() calls during a run share its promise', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const staleFiles = observing(dir, STALE)
  const first = staleFiles.cleanUp()
  t.equal(staleFiles.cleanUp(), first)
  await first
  t.not(staleFiles.cleanUp(), first)
})

t.test('an error with one task is reported and does not affect other tasks', async (t) => {
  const dir = arrange(t, { status: 'running', marker: 'delete' })
  before(t, 'unlink', (path) => { if (path.endsWith(LOG_NAME)) throw systemError('EIO') })
  writeTask(dir, {}, 'task_2_a')
  writeMarker(dir, 'cancel', 'task_2_a')
  const errors: unknown[] = []
  const options: StaleFilesOptions = { ...EXPIRED, onError: (error, name) => errors.push([name, (error as NodeJS.ErrnoException).code]) }
  const staleFiles = observing(dir, options, [ID, 'task_2_a'])
  await staleFiles.cleanUp()
  t.strictSame(await staleFiles.cleanUp(), ['task_2_a'])
  t.equal(taskIn(dir, 'task_2_a').status, 'cancelled')
  t.match(errors, [[ID, 'EIO']])
})

t.test('a failed clean-up is tried again', async (t) => {
  const dir = arrange(t, { status: 'running', marker: 'delete' })
  let isRefused = true
  before(t, 'unlink', (path) => { if (isRefused && path.endsWith(LOG_NAME)) throw systemError('EIO') })
  const staleFiles = observing(dir, EXPIRED)
  await staleFiles.cleanUp()
  t.strictSame(await staleFiles.cleanUp(), [])
  isRefused = false
  t.strictSame(await staleFiles.cleanUp(), [ID])
  t.strictSame(names(dir), [])
})

t.test('an error of the first observation is reported', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel' })
  before(t, 'lstat', () => { throw systemError('EACCES') })
  const errors: unknown[] = []
  await observing(dir, { onError: (error) => errors.push(error) }).cleanUp()
  t.match(errors, [{ code: 'EACCES' }])
})

t.test('cleanUp() does not reject if there is no onError', async (t) => {
  const dir = arrange(t, { status: 'queued', marker: 'cancel' })
  before(t, 'lstat', () => { throw systemError('EACCES') })
  t.strictSame(await observing(dir).cleanUp(), [])
})
