import { mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StaleFiles, type StaleFilesOptions } from '../../lib/protocol/stale-files.ts'
import { claimTask } from '../../lib/protocol/claim.ts'
import { ID, names, taskIn, temporaryNames, writeClaim, writeMarker, writeTask } from './fixtures/task-files.ts'
import { before, systemError } from './fixtures/system-calls.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`
const LOG_NAME = `${ID}.log`
const MARKER_NAME = `${ID}.cancel`
const AT_ONCE = { staleAfterMs: 0, expireAfterMs: 0 }
const NEVER = 1e9

interface Situation {
  readonly status?: string
  readonly text?: string
  readonly marker?: 'cancel' | 'delete'
  readonly claim?: string
}

function make (t: Test, { status, text, marker, claim }: Situation): string {
  const dir = t.testdir()
  if (status !== undefined) writeTask(dir, { status })
  if (text !== undefined) writeFileSync(join(dir, JSON_NAME), text)
  if (marker !== undefined) writeMarker(dir, marker)
  if (claim === 'incomplete') writeFileSync(join(dir, CLAIM_NAME), '')
  else if (claim === 'symbolic link') symlinkSync('nowhere', join(dir, CLAIM_NAME))
  else if (claim !== undefined) writeClaim(dir, claim)
  return dir
}

/** What one look after the first sight does. */
async function checkOnce (t: Test, dir: string, options: StaleFilesOptions): Promise<string[]> {
  const leftovers = new StaleFiles(tasksDirectory(dir), { onError: (error) => { throw error }, ...options })
  t.strictSame(await leftovers.cleanUp([ID]), [], 'nothing is done at first sight')
  return await leftovers.cleanUp([ID])
}

const SETTLE = { staleAfterMs: 0, expireAfterMs: NEVER }
const all = [MARKER_NAME, CLAIM_NAME, JSON_NAME]
const rules: Array<[name: string, situation: Situation, options: StaleFilesOptions, left: string[], status?: string]> = [
  ['a cancelling that stopped after its claim is finished', { status: 'queued', marker: 'cancel', claim: 'cancel' }, SETTLE, [JSON_NAME], 'cancelled'],
  ['a cancelling that stopped before its claim is finished', { status: 'queued', marker: 'cancel' }, SETTLE, [JSON_NAME], 'cancelled'],
  ['a claim to cancel without the wish is kept for a while', { status: 'queued', claim: 'cancel' }, SETTLE, [CLAIM_NAME, JSON_NAME], 'queued'],
  ['a claim to cancel without the wish is forgotten then', { status: 'queued', claim: 'cancel' }, AT_ONCE, [JSON_NAME], 'queued'],
  ['a claim that was never completed is kept for a while', { status: 'queued', marker: 'cancel', claim: 'incomplete' }, SETTLE, all, 'queued'],
  ['a claim that was never completed is forgotten then', { status: 'queued', marker: 'cancel', claim: 'incomplete' }, AT_ONCE, [MARKER_NAME, JSON_NAME], 'queued'],
  ['what is no claim at all, but stands for one, is forgotten then', { status: 'queued', claim: 'symbolic link' }, AT_ONCE, [JSON_NAME], 'queued'],
  ['a processor\'s claim is the processor\'s', { status: 'queued', marker: 'cancel', claim: 'processor' }, AT_ONCE, all, 'queued'],
  ['also where it seems dead', { status: 'queued', marker: 'cancel', claim: 'processor' }, { ...AT_ONCE, isProcessorAlive: () => false }, all, 'queued'],
  ['to the processor that holds no such task, it is nobody\'s', { status: 'queued', claim: 'processor' }, { ...SETTLE, isProcessorAlive: () => false, isProcessor: true }, [JSON_NAME], 'queued'],
  ['a running task is the processor\'s', { status: 'running', marker: 'cancel', claim: 'cancel' }, AT_ONCE, all, 'running'],
  ['a task with a state of others is left alone', { status: 'paused', marker: 'cancel', claim: 'cancel' }, AT_ONCE, all, 'paused'],
  ['a task that is being written is left alone', { text: '{"id"', marker: 'cancel', claim: 'cancel' }, AT_ONCE, all],
  ['the end of a task needs no claim and no wish', { status: 'completed', marker: 'cancel', claim: 'processor' }, SETTLE, [JSON_NAME], 'completed'],
  ['the end of a task needs no claim', { status: 'cancelled', claim: 'cancel' }, SETTLE, [JSON_NAME], 'cancelled'],
  ['what stands without a task is kept for a while', { marker: 'cancel', claim: 'processor' }, SETTLE, [MARKER_NAME, CLAIM_NAME]],
  ['what stands without a task is forgotten then', { marker: 'cancel', claim: 'processor' }, AT_ONCE, []],
  ['a deletion is finished; its marker stays for a living processor', { status: 'running', marker: 'delete', claim: 'processor' }, SETTLE, [MARKER_NAME]],
  ['a deletion is finished with its marker where no processor lives', { status: 'running', marker: 'delete' }, { ...SETTLE, isProcessorAlive: () => false }, []],
  ['a deletion is finished with its marker after a while', { status: 'queued', marker: 'delete' }, AT_ONCE, []],
  ['a deletion is finished where the task can\'t be read', { text: '{', marker: 'delete' }, AT_ONCE, []]
]

for (const [name, situation, options, left, status] of rules) {
  t.test(name, async (t) => {
    const dir = make(t, situation)
    const found = names(dir)
    const changed = await checkOnce(t, dir, options)
    t.strictSame(names(dir), left)
    if (status !== undefined) t.equal(taskIn(dir).status, status)
    t.strictSame(changed, found.length === left.length ? [] : [ID])
  })
}

t.test('a deletion takes the log along', async (t) => {
  const dir = make(t, { status: 'completed', marker: 'delete' })
  writeFileSync(join(dir, LOG_NAME), 'output')
  await checkOnce(t, dir, AT_ONCE)
  t.strictSame(names(dir), [])
})

t.test('a cancelling that never completed its claim is finished in the end', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'incomplete' })
  const leftovers = new StaleFiles(tasksDirectory(dir), AT_ONCE)
  for (let round = 0; round < 4; round++) await leftovers.cleanUp([ID])
  t.strictSame(names(dir), [JSON_NAME])
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('several may settle the same at once', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  await Promise.all(Array.from({ length: 5 }, () => checkOnce(t, dir, SETTLE)))
  t.strictSame([...names(dir), ...temporaryNames(dir)], [JSON_NAME])
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('ages are measured by the observer, not by the times of the files', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  for (const name of [CLAIM_NAME, MARKER_NAME]) utimesSync(join(dir, name), 1, 1)
  const early = new StaleFiles(tasksDirectory(dir), { staleAfterMs: NEVER })
  t.strictSame([await early.cleanUp([ID]), await early.cleanUp([ID])], [[], []], 'an old file is no old sight')
  const tomorrow = Date.now() / 1000 + 86_400
  for (const name of [CLAIM_NAME, MARKER_NAME]) utimesSync(join(dir, name), tomorrow, tomorrow)
  const leftovers = new StaleFiles(tasksDirectory(dir), { staleAfterMs: 200 })
  const start = performance.now()
  let changed = await leftovers.cleanUp([ID])
  while (changed.length === 0) changed = await leftovers.cleanUp([ID])
  t.ok(performance.now() - start >= 200, 'a file from tomorrow is settled in time, and not before')
  t.equal(taskIn(dir).status, 'cancelled')
})

t.test('restarts the grace period when a file changes', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const leftovers = new StaleFiles(tasksDirectory(dir), SETTLE)
  await leftovers.cleanUp([ID])
  rmSync(join(dir, CLAIM_NAME))
  const taken = await claimTask(tasksDirectory(dir), ID, 'cancel')
  t.strictSame(await leftovers.cleanUp([ID]), [], 'it is the claim of somebody else')
  t.strictSame(names(dir), all)
  t.ok(taken)
  t.strictSame(await leftovers.cleanUp([ID]), [ID])
})

t.test('an id that is not given any more is forgotten', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const leftovers = new StaleFiles(tasksDirectory(dir), SETTLE)
  await leftovers.cleanUp([ID])
  await leftovers.cleanUp([])
  t.strictSame(await leftovers.cleanUp([ID]), [], 'it is seen for the first time again')
  t.strictSame(await leftovers.cleanUp([ID]), [ID])
})

t.test('does no file I/O before a check is due', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const leftovers = new StaleFiles(tasksDirectory(dir))
  await leftovers.cleanUp([ID])
  let calls = 0
  for (const call of ['open', 'lstat', 'unlink', 'rename', 'link'] as const) before(t, call, () => { calls++ })
  for (let round = 0; round < 100; round++) await leftovers.cleanUp([ID])
  t.equal(calls, 0)
})

t.test('checks do not overlap', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel', claim: 'cancel' })
  const leftovers = new StaleFiles(tasksDirectory(dir), SETTLE)
  const first = leftovers.cleanUp([ID])
  t.equal(leftovers.cleanUp([]), first)
  await first
  t.not(leftovers.cleanUp([]), first)
})

t.test('trouble with one task is told, tried again, and does not stop the others', async (t) => {
  const dir = make(t, { status: 'running', marker: 'delete' })
  // unlink refuses a directory, also to root
  mkdirSync(join(dir, LOG_NAME))
  writeTask(dir, {}, 'task_2_a')
  writeMarker(dir, 'cancel', 'task_2_a')
  const errors: unknown[] = []
  const leftovers = new StaleFiles(tasksDirectory(dir), { ...AT_ONCE, onError: (error, name) => errors.push([name, (error as NodeJS.ErrnoException).code]) })
  await leftovers.cleanUp([ID, 'task_2_a'])
  t.strictSame(await leftovers.cleanUp([ID, 'task_2_a']), ['task_2_a'])
  t.equal(taskIn(dir, 'task_2_a').status, 'cancelled')
  t.match(errors, [[ID, /EISDIR|EPERM/]])
  rmSync(join(dir, LOG_NAME), { recursive: true })
  t.strictSame(await leftovers.cleanUp([ID]), [ID])
  t.strictSame(names(dir), ['task_2_a.json'])
})

t.test('trouble at the first sight is told, or not where nobody asked', async (t) => {
  const dir = make(t, { status: 'queued', marker: 'cancel' })
  before(t, 'lstat', () => { throw systemError('EACCES') })
  const errors: unknown[] = []
  await new StaleFiles(tasksDirectory(dir), { onError: (error) => errors.push(error) }).cleanUp([ID])
  t.match(errors, [{ code: 'EACCES' }])
  t.strictSame(await new StaleFiles(tasksDirectory(dir)).cleanUp([ID]), [])
})

t.test('temporary files are removed when they have stood long enough, and no others', async (t) => {
  const dir = t.testdir()
  const own = '.tmp-0123456789abcdef01'
  const foreign = ['.tmp-mine', '.task_1_a.json.swp', '.queue.fifo', JSON_NAME]
  for (const name of [own, ...foreign]) writeFileSync(join(dir, name), '')
  utimesSync(join(dir, own), 1, 1)
  const patient = new StaleFiles(tasksDirectory(dir))
  for (let round = 0; round < 3; round++) await patient.removeTemporaryFiles(readdirSync(dir))
  t.strictSame(temporaryNames(dir), [own, '.tmp-mine'], 'an hour by default, by the observer\'s clock')
  const errors: unknown[] = []
  const leftovers = new StaleFiles(tasksDirectory(dir), { temporaryAfterMs: 0, onError: (_error, name) => errors.push(name) })
  mkdirSync(join(dir, '.tmp-ffffffffffffffffff'))
  await leftovers.removeTemporaryFiles(readdirSync(dir))
  await leftovers.removeTemporaryFiles(readdirSync(dir))
  t.strictSame(readdirSync(dir).sort(), [...foreign, '.tmp-ffffffffffffffffff'].sort())
  t.ok(errors.includes('.tmp-ffffffffffffffffff'))
})
