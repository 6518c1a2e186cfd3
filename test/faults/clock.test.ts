import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import {
  enqueue, makeDirectory, makeStateDirectory, processesOf, readLogOf, readTaskOf, startProcessor, untilEnded, untilLogged
} from '../processor/fixtures.ts'
import { spawnProcessor } from '../processor/spawned.ts'
import { waitFor } from '../helpers.ts'

const HOUR = 3_600_000
const LOCK = '.processor.lock.pid'
const waitForFile = (path: string) => `while [ ! -e ${path} ]; do sleep 0.02; done`
const suspendedAtStart = new URL('suspended-at-start.mjs', import.meta.url).href
const shiftedClock = new URL('shifted-clock.mjs', import.meta.url).href

t.test('a clock jump neither ends tasks nor lets another processor take the lock', async (t) => {
  const base = makeDirectory(t, { tasks: {} })
  const dir = join(base, 'tasks')
  const state = makeStateDirectory(t)
  const clock = join(base, 'clock')
  const options = { env: { CLOCK_SHIFT: clock }, imports: [shiftedClock] }
  const first = await spawnProcessor(t, dir, state, ['--concurrency', '3'], options)
  const began = performance.now()
  const across = await enqueue(dir, { command: `echo up; ${waitForFile(join(base, 'go'))}; exit 7` })
  const late = await enqueue(dir, { command: 'echo up; sleep 65', timeoutMs: 6_000 })
  for (const id of [across, late]) await untilLogged(dir, id, 'up\n')
  for (const shift of [HOUR, -HOUR]) {
    writeFileSync(clock, String(shift))
    const then = new Date(Date.now() + shift)
    for (const name of readdirSync(dir)) utimesSync(join(dir, name), then, then)
    const id = await enqueue(dir, { createdAt: then.toISOString() })
    const { startedAt } = await untilEnded(dir, id)
    t.ok(Math.abs(Date.parse(String(startedAt)) - then.getTime()) < HOUR / 2, 'its clock has jumped')
    const second = new TaskProcessor(dir, { lockStaleAfterMs: 5_000, stateDir: join(state, 'another') })
    await t.rejects(second.start(), { code: 'PROCESSOR_START', message: /Another processor is running/ })
    t.match(await readTaskOf(dir, across), { status: 'running' })
    t.ok(processesOf(across).length > 0)
  }
  first.kill('SIGKILL')
  await first.exited
  // the clock of the next processor differs again
  writeFileSync(clock, String(HOUR))
  const next = await spawnProcessor(t, dir, state, [], options)
  await next.said(`${across} adopted`)
  t.match(await untilEnded(dir, late), { status: 'failed', errorMessage: 'Timed out after 6000 ms.' })
  t.ok(performance.now() - began > 5_500, 'it was not terminated early')
  writeFileSync(join(base, 'go'), '')
  t.match(await untilEnded(dir, across), { status: 'failed', exitCode: 7 })
})

const mounts = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /proc/uptime && exec "$@"']
t.test('the uptime that a container is shown does not affect time limits', { skip: whyNoMounts() }, async (t) => {
  const dir = makeDirectory(t, { uptime: '1000000000.00 1000000000.00\n' })
  await spawnProcessor(t, dir, makeStateDirectory(t), [], { before: [...mounts, join(dir, 'uptime')] })
  const id = await enqueue(dir, { command: 'cat /proc/uptime; sleep 0.2', timeoutMs: 60_000 })
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.equal(await readLogOf(dir, id), '1000000000.00 1000000000.00\n')
})

t.test('a suspended processor keeps out processors with the same state directory', async (t) => {
  const dir = makeDirectory(t)
  const state = makeStateDirectory(t)
  const first = await spawnProcessor(t, dir, state)
  const id = await enqueue(dir, { command: `echo up; ${waitForFile(join(dir, 'go'))}; exit 8` })
  await untilLogged(dir, id, 'up\n')
  first.kill('SIGSTOP')
  // rejects immediately: the test has no time to wait until the lock is stale
  const second = new TaskProcessor(dir, { lockStaleAfterMs: 1e9, stateDir: state })
  await t.rejects(second.start(), { code: 'PROCESSOR_START', message: `Another processor is running in this directory (process ${first.pid}).` })
  first.kill('SIGCONT')
  writeFileSync(join(dir, 'go'), '')
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 8 })
})

t.test('a processor that was suspended for too long terminates its commands and exits', async (t) => {
  const dir = makeDirectory(t)
  const state = makeStateDirectory(t)
  const first = await spawnProcessor(t, dir, state, ['--grace', '300ms'])
  const held = await enqueue(dir, { command: `trap 'echo signalled; exit 0' TERM; echo up; ${waitForFile(join(dir, 'never'))}` })
  const queued = await enqueue(dir, { command: `echo x >> ${join(dir, 'ran')}` })
  await untilLogged(dir, held, 'up\n')
  first.kill('SIGSTOP')
  await startProcessor(t, dir, { lockStaleAfterMs: 300, stateDir: join(state, 'another') })
  const taken = await untilEnded(dir, held)
  t.match(taken, { status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.' })
  t.match(await untilEnded(dir, queued), { status: 'completed' })
  t.ok(processesOf(held).length > 0, 'only the first processor may terminate it')
  first.kill('SIGCONT')
  t.equal(await first.exited, 1)
  t.strictSame(processesOf(held), [])
  t.match(await readLogOf(dir, held), /signalled\n$/)
  t.strictSame(await readTaskOf(dir, held), taken, 'its outcome was written once')
  t.equal(readFileSync(join(dir, 'ran'), 'utf8'), 'x\n')
  t.ok(existsSync(join(dir, LOCK)), 'the second processor keeps its lock')
})

t.test('a processor that was suspended before it started a command does not start it after another processor did', async (t) => {
  const base = makeDirectory(t, { tasks: {} })
  const dir = join(base, 'tasks')
  const state = makeStateDirectory(t)
  const suspended = join(base, 'suspended')
  const first = await spawnProcessor(t, dir, state, [], { env: { SUSPENDED: suspended }, imports: [suspendedAtStart] })
  const id = await enqueue(dir, { command: `echo x >> ${join(base, 'ran')}` })
  await waitFor(() => existsSync(suspended), { describe: 'the processor is suspended before it starts a command' })
  await startProcessor(t, dir, { lockStaleAfterMs: 300, stateDir: join(state, 'another') })
  const ended = await untilEnded(dir, id)
  t.match(ended, { status: 'completed' })
  first.kill('SIGCONT')
  t.equal(await first.exited, 1)
  t.equal(readFileSync(join(base, 'ran'), 'utf8'), 'x\n', 'the command ran once')
  t.strictSame(await readTaskOf(dir, id), ended)
})

t.test('a processor, its wrapper and a command that were suspended together continue', async (t) => {
  const dir = makeDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t))
  const id = await enqueue(dir, { command: 'i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo $i; sleep 0.005; done; exit 9' })
  await untilLogged(dir, id, '20\n')
  first.kill('SIGSTOP')
  const pids = processesOf(id)
  for (const pid of pids) signal(pid, 'SIGSTOP')
  const stopped = await readLogOf(dir, id)
  t.notMatch(stopped, /\n200\n/)
  first.kill('SIGCONT')
  for (const pid of processesOf(id)) signal(pid, 'SIGCONT')
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 9 })
  t.equal(await readLogOf(dir, id), Array.from({ length: 200 }, (_, i) => `${i + 1}\n`).join(''))
})

function signal (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch { /* it has just exited */ }
}

function whyNoMounts (): string | false {
  const { status, stderr } = spawnSync(mounts[0]!, [...mounts.slice(1), '/proc/version', 'true'], { encoding: 'utf8' })
  return status === 0 ? false : `needs a mount namespace: ${stderr}`
}
