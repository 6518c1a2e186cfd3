import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { checkDirectory, type CheckReport } from '../../lib/check/check-directory.ts'
import { checkName, checkTask } from '../../lib/check/rules.ts'
import { enqueue, makeDirectory, startProcessor, untilEnded, untilGone, untilLogged } from '../processor/fixtures.ts'
import { post, startServer } from '../helpers.ts'
import { ID, writeClaim, writeMarker, writeTask } from '../protocol/fixtures/task-files.ts'
import { before, systemError } from '../protocol/fixtures/system-calls.ts'

const AT_ONCE = { recheckAfterMs: 0 }
const TIME = '2024-05-06T07:08:09.123Z'
const ENDED = { status: 'completed', completedAt: TIME }

async function check (dir: string): Promise<CheckReport> {
  return await checkDirectory(dir, AT_ONCE)
}

async function linesOf (dir: string): Promise<string[]> {
  return (await check(dir)).findings.map(({ severity, name, message }) => `${severity} ${name}: ${message}`)
}

const tasks: Array<[fields: Record<string, unknown>, faults: string[]]> = [
  [{}, []],
  [{ ...ENDED, type: 'custom', app: null, config: [{}], createdAt: TIME, startedAt: TIME, heartbeatAt: null, exitCode: 0, errorMessage: null, mine: {} }, []],
  [{ createdAt: '2024-05-06T07:08:09+00:00', timeoutMs: 1 }, []],
  [{ status: 'running', startedAt: TIME, heartbeatAt: TIME }, []],
  [{ command: undefined, status: undefined }, ['error it has no command', 'error it has no status']],
  [{ command: 5, app: 5 }, ['error its command must be a string, not 5', 'error its app must be a string or null, not 5']],
  [{ status: 'paused' }, ['error its status must be one of queued, running, completed, failed, cancelled, not "paused"']],
  [{ ...ENDED, exitCode: '1' }, ['error its exitCode must be an integer or null, not "1"']],
  [{ ...ENDED, exitCode: 1.5 }, ['error its exitCode must be an integer or null, not 1.5']],
  [{ timeoutMs: 0 }, ['error its timeoutMs must be a positive integer, in ms, not 0']],
  [{ errorMessage: ['x'.repeat(100)] }, [`error its errorMessage must be a string or null, not ["${'x'.repeat(58)}…`]],
  [{ createdAt: '2024-05-06T07:08:09+02:00' }, ['error its createdAt must be a time in UTC (ISO 8601), not "2024-05-06T07:08:09+02:00"']],
  [{ createdAt: null }, ['error its createdAt must be a time in UTC (ISO 8601), not null']],
  [{ startedAt: 1714979289 }, ['error its startedAt must be a time in UTC (ISO 8601), or null, not 1714979289']],
  [{ status: 'failed', app: 5 }, ['error its app must be a string or null, not 5', 'error it is failed, but has no completedAt']],
  [{ createdAt: '2024-13-06T07:08:09Z' }, ['error its createdAt must be a time in UTC (ISO 8601), not "2024-13-06T07:08:09Z"']],
  [{ completedAt: TIME, exitCode: 0 }, ['error it is queued, but has a completedAt', 'error it is queued, but has an exitCode']],
  [{ status: 'running', exitCode: 0 }, ['error it is running, but has an exitCode']],
  [{ status: 'failed' }, ['error it is failed, but has no completedAt']],
  [{ status: 'cancelled', completedAt: null }, ['error it is cancelled, but has no completedAt']],
  [{ ...ENDED, startedAt: '2024-05-06T07:08:10Z' }, ['warning its startedAt is later than its completedAt']]
]

t.test('the fields of a task', async (t) => {
  for (const [fields, faults] of tasks) {
    const found = checkTask({ id: ID, command: 'true', status: 'queued', ...fields }, true)
    t.strictSame(found.map(({ severity, message }) => `${severity} ${message}`), faults, JSON.stringify(fields))
  }
})

t.test('names', async (t) => {
  const long = `task_1_${'a'.repeat(100)}`
  const table: Array<[name: string, fault?: RegExp]> = [
    ['task_1_a.json'], ['.anything'], ['.task_x.json'], ['.processor.json'],
    ['task_x_a.json', /^error its id is not of the form/],
    ['task_1_.claim', /^error its id is not/],
    ['Task_1_a.b.cancel', /^error its id is not/],
    ['task_1_a\n.log', /^error its id is not/],
    [`${long}.json`, /^error its id is longer than 100 characters$/],
    ['task_1_a.JSON', /^error its ending is not in small letters$/],
    ['task_1_a', /^note it belongs to nobody$/],
    ['task_1_a.json~', /^note/],
    ['notes.json', /^note/]
  ]
  for (const [name, fault] of table) {
    const found = checkName(name).map(({ severity, message }) => `${severity} ${message}`)
    t.match(found, fault === undefined ? [] : [fault], name)
    t.equal(found.length, fault === undefined ? 0 : 1, name)
  }
})

const files: Array<[what: string, make: (at: (name: string) => string, dir: string) => unknown, lines: string[]]> = [
  ['nothing', () => {}, []],
  ['a claim and a wish beside a queued task', (_, dir) => { writeTask(dir); writeClaim(dir, 'cancel'); writeMarker(dir, 'cancel') }, []],
  ['no JSON', (at) => writeFileSync(at(`${ID}.json`), '{"id"'), [`error ${ID}.json: it is not JSON`]],
  ['no object', (at) => writeFileSync(at(`${ID}.json`), '[]'), [`error ${ID}.json: it is not a JSON object`]],
  ['another id', (_, dir) => writeTask(dir, { id: 'task_1_b' }), [`error ${ID}.json: its id is not its name`]],
  ['too large', (at, dir) => { writeTask(dir); truncateSync(at(`${ID}.json`), 2 ** 20 + 1) }, [`error ${ID}.json: it is larger than 1048576 bytes`]],
  ['a FIFO', (at) => execFileSync('mkfifo', [at(`${ID}.json`)]), [`error ${ID}.json: it is not a regular file`]],
  ['directories', (at, dir) => { writeTask(dir); mkdirSync(at(`${ID}.cancel`)); mkdirSync(at('.queue.fifo')) },
    ['error .queue.fifo: it is not a FIFO', `error ${ID}.cancel: it is not a regular file`]],
  ['symbolic links', (at, dir) => { writeTask(dir); for (const kind of ['log', 'claim', 'cancel']) symlinkSync(`${ID}.json`, at(`${ID}.${kind}`)) },
    [`error ${ID}.cancel: it is a symbolic link`, `error ${ID}.claim: it is a symbolic link`, `error ${ID}.log: it is a symbolic link`]],
  ['hard links', (at, dir) => {
    writeTask(dir)
    writeTask(dir, ENDED, 'task_2_b')
    writeFileSync(at(`${ID}.log`), '')
    linkSync(at(`${ID}.log`), at('task_2_b.log'))
    linkSync(at(`${ID}.json`), at('.backup'))
  }, [`error ${ID}.log: it has other names (hard links)`, `warning ${ID}.json: it has other names (hard links)`,
    'warning task_2_b.log: it has other names (hard links)']],
  ['claims', (at, dir) => {
    for (const [id, text] of Object.entries({ a: '', b: '[]', c: '{"by": "me", "nonce": ""}', d: '{"by": "processor", "nonce": "x", "more": 1}' })) {
      writeTask(dir, {}, `task_1_${id}`)
      writeFileSync(at(`task_1_${id}.claim`), text)
    }
  }, ['error task_1_a.claim: it is not JSON', 'error task_1_b.claim: it is not a JSON object',
    'error task_1_c.claim: its by must be processor or cancel, not "me"', 'error task_1_c.claim: its nonce must be a string that is not empty, not ""']],
  ['what stands beside an ended task', (at, dir) => { writeTask(dir, ENDED); writeClaim(dir, 'processor'); writeMarker(dir, 'cancel'); writeFileSync(at(`${ID}.log`), '') },
    [`warning ${ID}.cancel: its task has ended`, `warning ${ID}.claim: its task has ended`]],
  ['what has no task', (at, dir) => { writeClaim(dir, 'processor'); writeMarker(dir, 'cancel'); writeFileSync(at(`${ID}.log`), '') },
    [`warning ${ID}.cancel: it has no task`, `warning ${ID}.claim: it has no task`, `warning ${ID}.log: it has no task`]],
  ['a deletion', (_, dir) => { writeTask(dir); writeMarker(dir, 'delete') }, [`warning ${ID}.cancel: it is of a deletion that is not finished`]],
  ['temporary files', (at) => {
    for (const name of [`.tmp-${'0'.repeat(18)}`, `.tmp-${'1'.repeat(18)}`, `.${ID}`]) writeFileSync(at(name), '')
    for (const name of [`.tmp-${'0'.repeat(18)}`, `.${ID}`]) utimesSync(at(name), 1, 1)
  }, [`warning .tmp-${'0'.repeat(18)}: it is a temporary file that was left behind over an hour ago`]],
  ['a lock that is none', (at) => writeFileSync(at('.processor.lock.pid'), 'yes\n'), ['error .processor.lock.pid: its first line is not a process id']],
  ['a lock with another second line', (at) => writeFileSync(at('.processor.lock.pid'), '1\npulse\n'), ['error .processor.lock.pid: its second line is not "heartbeat <nonce>"']],
  ['an older processor\'s lock', (at, dir) => { writeTask(dir, { status: 'running' }); writeFileSync(at('.processor.lock.pid'), '1'); utimesSync(at('.processor.lock.pid'), 1, 1) }, []],
  ['a living processor\'s lock', (at, dir) => { writeTask(dir, { status: 'running' }); writeFileSync(at('.processor.lock.pid'), '1\nheartbeat x\n') }, []],
  ['a stale lock', (at, dir) => { writeTask(dir, { status: 'running' }); writeFileSync(at('.processor.lock.pid'), '1\nheartbeat x\n'); utimesSync(at('.processor.lock.pid'), 1, 1) },
    ['warning .processor.lock.pid: its heartbeat stands still: the processor was killed or hangs', `warning ${ID}.json: it is running, but no processor lives`]],
  ['no lock', (_, dir) => writeTask(dir, { status: 'running' }), [`warning ${ID}.json: it is running, but no processor lives`]],
  ['a file for its owner alone', (at, dir) => { writeTask(dir); chmodSync(at(`${ID}.json`), 0o600) }, [`warning ${ID}.json: the directory's group can't read it`]],
  ['a directory for its owner alone', (at, dir) => { writeTask(dir); chmodSync(at(`${ID}.json`), 0o600); chmodSync(dir, 0o700) }, []],
  ['files of nobody', (at) => { writeFileSync(at('README'), ''); mkdirSync(at('task_1_a')) }, ['note README: it belongs to nobody', 'note task_1_a: it belongs to nobody']]
]

t.test('the files', async (t) => {
  for (const [what, make, lines] of files) {
    await t.test(what, async (t) => {
      const dir = t.testdir({})
      make((name) => join(dir, name), dir)
      t.strictSame(await linesOf(dir), lines)
    })
  }
})

t.test('a file of another group', { skip: process.getuid!() === 0 ? false : 'only root can give files away' }, async (t) => {
  const dir = t.testdir({})
  writeTask(dir)
  execFileSync('chgrp', ['12345', join(dir, `${ID}.json`)])
  t.strictSame(await linesOf(dir), [])
  chmodSync(join(dir, `${ID}.json`), 0o640)
  t.strictSame(await linesOf(dir), [`warning ${ID}.json: the directory's group can't read it`])
})

t.test('counts tasks, and says errors first', async (t) => {
  const dir = t.testdir({ aaa: '', 'task_1_a.log': '', 'task_2_b.json': '', 'task_3_c.json': '{"id":"task_3_c","command":"","status":"queued"}' })
  const { tasks, findings } = await check(dir)
  t.equal(tasks, 2)
  t.strictSame(findings.map(({ severity }) => severity), ['error', 'warning', 'note'])
})

/** Runs before the n-th open of a file of that name. */
function beforeOpen (t: Test, name: string, number: number, what: () => void): void {
  let count = 0
  before(t, 'open', (path: string) => { if (basename(path) === name && ++count === number) what() })
}

t.test('while others work', async (t) => {
  t.test('a write in progress is read again', async (t) => {
    const dir = t.testdir({ [`${ID}.json`]: '{' })
    beforeOpen(t, `${ID}.json`, 2, () => writeTask(dir))
    t.strictSame(await linesOf(dir), [])
  })
  t.test('a file that comes into place under two names has one soon', async (t) => {
    const dir = t.testdir({})
    writeTask(dir)
    linkSync(join(dir, `${ID}.json`), join(dir, '.new'))
    beforeOpen(t, `${ID}.json`, 2, () => rmSync(join(dir, '.new')))
    t.strictSame(await linesOf(dir), [])
  })
  t.test('reports only findings confirmed by a second check', async (t) => {
    const dir = t.testdir({ [`${ID}.json`]: '{' })
    beforeOpen(t, `${ID}.json`, 2, () => writeFileSync(join(dir, `${ID}.json`), '[]'))
    t.strictSame(await linesOf(dir), [])
  })
  t.test('a task that is deleted after the names were read has no faults', async (t) => {
    const dir = t.testdir({ [`${ID}.json`]: '{', [`${ID}.log`]: '' })
    beforeOpen(t, `${ID}.json`, 1, () => { for (const kind of ['json', 'log']) rmSync(join(dir, `${ID}.${kind}`)) })
    t.strictSame(await linesOf(dir), [])
  })
  t.test('a file that the system refuses', async (t) => {
    const dir = t.testdir({ [`${ID}.log`]: '' })
    writeTask(dir)
    before(t, 'open', (path: string) => { if (path.endsWith('.log')) throw systemError('EACCES') })
    t.strictSame(await linesOf(dir), [`error ${ID}.log: it can't be read (EACCES)`])
  })
  t.test('rejects if the directory disappears during the check', async (t) => {
    const dir = join(t.testdir({ tasks: { [`${ID}.json`]: '{' } }), 'tasks')
    beforeOpen(t, `${ID}.json`, 1, () => renameSync(dir, `${dir}2`))
    await t.rejects(check(dir), { code: 'UNREADABLE', message: /removed or replaced/ })
  })
})

t.test('a directory that can\'t be read', async (t) => {
  const dir = t.testdir({ file: '' })
  await t.rejects(check(join(dir, 'none')), { code: 'ENOENT' })
  await t.rejects(check(join(dir, 'file')), { code: /ENOTDIR|EACCES/ })
})

t.test('many files, few at once', async (t) => {
  const dir = t.testdir({})
  for (let index = 0; index < 500; index++) writeTask(dir, { status: 'odd' }, `task_${index}_a`)
  let open = 0
  let most = 0
  before(t, 'open', () => { most = Math.max(most, ++open); setImmediate(() => { open-- }) })
  const { tasks, findings } = await check(dir)
  t.match([tasks, findings.length], [500, 500])
  t.ok(most < 100, `${most}`)
})

t.test('what the plugin and the processor write', async (t) => {
  const dir = makeDirectory(t)
  const { url } = await startServer(t, { dir })
  const { processor } = await startProcessor(t, dir, { concurrency: 3 })
  const create = async (command: string): Promise<string> => (await (await post(url, { command, timeoutMs: 60_000 })).json() as { id: string }).id
  const [good, bad, stopped, removed] = await Promise.all(['echo good', 'exit 3', 'echo up; sleep 60', 'echo up; sleep 60'].map(create)) as [string, string, string, string]
  await Promise.all([untilEnded(dir, good), untilEnded(dir, bad), untilLogged(dir, stopped, 'up'), untilLogged(dir, removed, 'up')])
  t.strictSame(await linesOf(dir), [], 'while tasks run')
  await post(`${url}/${stopped}/cancel`, {})
  await fetch(`${url}/${removed}?force=1`, { method: 'DELETE' })
  await Promise.all([untilEnded(dir, stopped), untilGone(dir, removed), enqueue(dir).then((id) => untilEnded(dir, id))])
  await processor.stop()
  const waiting = await create('true')
  await post(`${url}/${await create('true')}/cancel`, {})
  t.strictSame(await check(dir), { tasks: 6, findings: [] }, `also with ${waiting}, which is queued`)
})

t.test('what a processor says of itself', async (t) => {
  const dir = makeDirectory(t)
  const path = join(dir, '.processor.json')
  for (const [text, fault] of [['{"version":1,"types":[]}', []], ['garbage', ['it is not JSON']], ['[]', ['it is not a JSON object']], ['{}', ['its types must be a list']]] as const) {
    writeFileSync(path, text)
    t.strictSame(await linesOf(dir), fault.map((message) => `error .processor.json: ${message}`), text)
  }
  rmSync(path)
  symlinkSync('/etc/hostname', path)
  t.match(await linesOf(dir), [/^error \.processor\.json: .*symbolic link/])
})
