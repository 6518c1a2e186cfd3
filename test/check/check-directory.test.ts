import { linkSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { checkDirectory, type CheckReport } from '../../lib/check/check-directory.ts'
import { enqueue, makeDirectory, startProcessor, untilEnded, untilGone, untilLogged } from '../processor/fixtures.ts'
import { post, startServer } from '../helpers.ts'
import { before } from '../protocol/fixtures/system-calls.ts'
import { ID, writeTask } from '../protocol/fixtures/task-files.ts'
import { linesOf } from './fixtures/lines-of.ts'

async function check (dir: string): Promise<CheckReport> {
  return await checkDirectory(dir, { recheckAfterMs: 0 })
}

t.test('checkDirectory() accepts an empty directory', async (t) => {
  t.strictSame(await check(t.testdir({})), { tasks: 0, findings: [] })
})

t.test('checkDirectory() notes files that are not part of the protocol', async (t) => {
  const dir = t.testdir({ README: '' })
  mkdirSync(join(dir, 'task_1_a'))
  t.strictSame(await linesOf(dir), ['note README: not part of the protocol', 'note task_1_a: not part of the protocol'])
})

t.test('checkDirectory() warns about temporary files of this package that are older than an hour', async (t) => {
  const [old, fresh, foreign] = [`.tmp-${'0'.repeat(18)}`, `.tmp-${'1'.repeat(18)}`, `.${ID}`]
  const dir = t.testdir({ [old]: '', [fresh]: '', [foreign]: '' })
  for (const name of [old, foreign]) utimesSync(join(dir, name), 1, 1)
  t.strictSame(await linesOf(dir), [`warning ${old}: a temporary file that was left behind over an hour ago`])
})

t.test('checkDirectory() counts task files, usable or not', async (t) => {
  const dir = t.testdir({ 'task_1_a.log': '', 'task_2_b.json': '' })
  writeTask(dir, {}, 'task_3_c')
  t.equal((await check(dir)).tasks, 2)
})

t.test('checkDirectory() lists errors first, then warnings, then notes', async (t) => {
  const dir = t.testdir({ aaa: '', 'task_1_a.log': '', 'task_2_b.json': '' })
  t.strictSame((await check(dir)).findings.map(({ severity }) => severity), ['error', 'warning', 'note'])
})

/** Runs `action` before the n-th open of a file of that name. */
function beforeOpen (t: Test, name: string, number: number, action: () => void): void {
  let count = 0
  before(t, 'open', (path: string) => { if (basename(path) === name && ++count === number) action() })
}

t.test('checkDirectory() reads a partially written task file again', async (t) => {
  const dir = t.testdir({ [`${ID}.json`]: '{' })
  beforeOpen(t, `${ID}.json`, 2, () => writeTask(dir))
  t.strictSame(await linesOf(dir), [])
})

t.test('checkDirectory() does not report a second hard link that disappears before the recheck', async (t) => {
  const dir = t.testdir({})
  writeTask(dir)
  linkSync(join(dir, `${ID}.json`), join(dir, '.new'))
  beforeOpen(t, `${ID}.json`, 2, () => rmSync(join(dir, '.new')))
  t.strictSame(await linesOf(dir), [])
})

t.test('checkDirectory() reports only findings confirmed by a second check', async (t) => {
  const dir = t.testdir({ [`${ID}.json`]: '{' })
  beforeOpen(t, `${ID}.json`, 2, () => writeFileSync(join(dir, `${ID}.json`), '[]'))
  t.strictSame(await linesOf(dir), [])
})

t.test('checkDirectory() reports nothing about a task that is deleted after the names were read', async (t) => {
  const dir = t.testdir({ [`${ID}.json`]: '{', [`${ID}.log`]: '' })
  beforeOpen(t, `${ID}.json`, 1, () => { for (const kind of ['json', 'log']) rmSync(join(dir, `${ID}.${kind}`)) })
  t.strictSame(await linesOf(dir), [])
})

t.test('checkDirectory() rejects if the directory disappears during the check', async (t) => {
  const dir = join(t.testdir({ tasks: { [`${ID}.json`]: '{' } }), 'tasks')
  beforeOpen(t, `${ID}.json`, 1, () => renameSync(dir, `${dir}2`))
  await t.rejects(check(dir), { code: 'UNREADABLE', message: /removed or replaced/ })
})

t.test('checkDirectory() rejects with the system error for a missing directory', async (t) => {
  await t.rejects(check(join(t.testdir({}), 'none')), { code: 'ENOENT' })
})

t.test('checkDirectory() rejects with the system error for a file', async (t) => {
  await t.rejects(check(join(t.testdir({ file: '' }), 'file')), { code: /ENOTDIR|EACCES/ })
})

t.test('checkDirectory() opens less than 100 of 500 files at the same time', async (t) => {
  const dir = t.testdir({})
  for (let index = 0; index < 500; index++) writeTask(dir, { status: 'odd' }, `task_${index}_a`)
  let open = 0
  let most = 0
  before(t, 'open', () => { most = Math.max(most, ++open); setImmediate(() => { open-- }) })
  const { tasks, findings } = await check(dir)
  t.match([tasks, findings.length], [500, 500])
  t.ok(most < 100, `${most} files were open at the same time`)
})

t.test('checkDirectory() has no findings about what the plugin and the processor write', async (t) => {
  const dir = makeDirectory(t)
  const { url } = await startServer(t, { dir })
  const { processor } = await startProcessor(t, dir, { concurrency: 3 })
  const create = async (command: string): Promise<string> => (await (await post(url, { command, timeoutMs: 60_000 })).json() as { id: string }).id
  const [succeeding, failing, cancelled, deleted] = await Promise.all(['echo good', 'exit 3', 'echo up; sleep 60', 'echo up; sleep 60'].map(create)) as [string, string, string, string]
  await Promise.all([untilEnded(dir, succeeding), untilEnded(dir, failing), untilLogged(dir, cancelled, 'up'), untilLogged(dir, deleted, 'up')])
  t.strictSame(await linesOf(dir), [], 'while tasks run')
  await post(`${url}/${cancelled}/cancel`, {})
  await fetch(`${url}/${deleted}?force=1`, { method: 'DELETE' })
  await Promise.all([untilEnded(dir, cancelled), untilGone(dir, deleted), enqueue(dir).then((id) => untilEnded(dir, id))])
  await processor.stop()
  const waiting = await create('true')
  await post(`${url}/${await create('true')}/cancel`, {})
  t.strictSame(await check(dir), { tasks: 6, findings: [] }, `after the processor stopped, with ${waiting} queued`)
})
