import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { putTask, waitFor } from '../helpers.ts'
import { enqueue, forkServersOf, makeDirectory, makeStateDirectory, processesOf, readTaskOf, recordsOf, untilEnded, untilLogged } from '../processor/fixtures.ts'
import { spawnProcessor } from '../processor/spawned.ts'

const noLimits = spawnSync('prlimit', ['--version']).status === 0 ? false : 'needs prlimit'

function setFiles (pid: number, limit: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])
}

t.test('without free descriptors, running commands continue and queued tasks wait', { skip: noLimits }, async (t) => {
  const dir = makeDirectory(t)
  const state = makeStateDirectory(t)
  const processor = await spawnProcessor(t, dir, state, ['--concurrency', '4', '--grace', '200ms'])
  const go = join(dir, 'go')
  const running = await enqueue(dir, { command: `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; exit 3` })
  await untilLogged(dir, running, 'up\n')
  let timeoutMs = 2_000
  let late = await startWithLimit(timeoutMs)
  // on a slow machine, the time limit passes before the descriptors are limited
  while (isStopped(late)) late = await startWithLimit(timeoutMs *= 2)
  const queued = await Promise.all([4, 5, 6].map((n) => enqueue(dir, { command: `exit ${n}` })))
  await processor.said('EMFILE')
  // its time limit has passed meanwhile
  await processor.said('could not record the stop reason: EMFILE')
  t.match(await readTaskOf(dir, running), { status: 'running' })
  t.ok(processesOf(running).length > 0)
  setFiles(processor.pid, 1024)
  t.match(await untilEnded(dir, late), { status: 'failed', errorMessage: `Timed out after ${timeoutMs} ms.` })
  t.strictSame(processesOf(late), [])
  for (const [i, id] of queued.entries()) t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 4 + i })
  t.match(await readTaskOf(dir, running), { status: 'running' })
  execFileSync('touch', [go])
  t.match(await untilEnded(dir, running), { status: 'failed', exitCode: 3 })

  /** Starts a command with a time limit, and then takes the free descriptors; open ones stay open. */
  async function startWithLimit (timeoutMs: number): Promise<string> {
    setFiles(processor.pid, 1024)
    const id = await enqueue(dir, { command: 'echo up; sleep 61', timeoutMs })
    await untilLogged(dir, id, 'up\n')
    setFiles(processor.pid, 3)
    return id
  }

  function isStopped (id: string): boolean {
    const folder = join(state, readdirSync(state)[0]!)
    const record = readdirSync(folder).find((name) => name.startsWith(id))
    return record === undefined || readFileSync(join(folder, record), 'utf8').includes('\nstop ')
  }
})

t.test('finished tasks leave no open file descriptors', async (t) => {
  const dir = makeDirectory(t)
  const processor = await spawnProcessor(t, dir, makeStateDirectory(t), ['--concurrency', '4', '--grace', '200ms'])
  const open = () => readdirSync(`/proc/${processor.pid}/fd`).length
  await untilEnded(dir, await enqueue(dir, { command: 'echo one' }))
  await waitFor(() => recordsOf(t).length === 0, { describe: () => recordsOf(t) })
  const before = open()
  const ended = await Promise.all(Array.from({ length: 12 }, (_, i) => enqueue(dir, { command: `echo ${i}` })))
  const unstartable = `task_${Date.now()}_x`
  symlinkSync('/dev/null', join(dir, `${unstartable}.log`))
  await putTask(dir, unstartable)
  const [cancelled, deleted] = await Promise.all([75, 76].map((n) => enqueue(dir, { command: `echo up; sleep ${n}` })))
  for (const id of [cancelled!, deleted!]) await untilLogged(dir, id, 'up\n')
  await waitFor(() => open() === before, { describe: open })
  writeFileSync(join(dir, `${cancelled}.cancel`), '{}')
  rmSync(join(dir, `${deleted}.json`))
  for (const id of [...ended, unstartable, cancelled!]) await untilEnded(dir, id)
  await waitFor(() => recordsOf(t).length === 0 && open() === before, { describe: () => [recordsOf(t), open(), before] })
})

t.test('while no process can be created, queued tasks wait', { skip: noLimits || (process.getuid!() !== 0 && 'needs root, to run as a user without processes') }, async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'fastify-tasks-nproc-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const [dir, state] = [join(base, 'tasks'), join(base, 'state')]
  for (const path of [dir, state]) mkdirSync(path)
  const user = '54321'
  execFileSync('chown', ['-R', `${user}:${user}`, base])
  const before = ['setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--']
  const readable = spawnSync(before[0]!, [...before.slice(1), process.execPath, '--version'], { cwd: process.cwd() }).status === 0 &&
    spawnSync(before[0]!, [...before.slice(1), 'cat', join(import.meta.dirname, '..', '..', 'package.json')]).status === 0
  if (!readable) return t.comment('skipped: other users cannot read this package')
  // without tap's variables: its hooks in child processes need files that this user cannot write
  const clean = ['env', '-i', `PATH=${process.env.PATH}`, `HOME=${base}`]
  const processor = await spawnProcessor(t, dir, state, [], { before: [...before, ...clean] })
  const pids = [processor.pid, ...forkServersOf(processor.pid)]
  const threads = pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/task`).length, 0)
  const limit = (n: number) => {
    for (const pid of pids) execFileSync(before[0]!, [...before.slice(1), 'prlimit', '--pid', String(pid), `--nproc=${n}:`])
  }
  limit(threads)
  const id = await enqueue(dir, { command: 'echo out; exit 7' })
  execFileSync('chown', ['-R', `${user}:${user}`, dir])
  await processor.said(`${id}: `)
  t.match(await readTaskOf(dir, id), { status: 'queued' })
  limit(4096)
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 7 })
  t.equal(readFileSync(join(dir, `${id}.log`), 'utf8'), 'out\n')
})
