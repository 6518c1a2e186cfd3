import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { waitFor } from '../helpers.ts'
import { enqueue, makeDirectory, makeStateDirectory, processesOf, startProcessor, until, untilEnded, untilLogged } from './fixtures.ts'
import { spawnProcessor, type Spawned } from './spawned.ts'

/** Mounts cgroups of version 2 for the processor only, wherever the system has them. */
const before = ['unshare', '-m', 'sh', '-c', 'mount -t cgroup2 cgroup2 /mnt && exec "$@"', 'sh']
const skip = whyNoCgroups()
/** A process that leaves the command's session and prints a line when it has. */
const ESCAPE = "setsid sh -c 'echo gone; exec sleep 63 > /dev/null 2>&1' &"

function whyNoCgroups (): string | false {
  if (process.getuid!() !== 0) return 'needs root, to mount cgroups of version 2'
  const { status, stderr } = spawnSync(before[0]!, [...before.slice(1), 'true'], { encoding: 'utf8' })
  return status === 0 ? false : `needs cgroups of version 2: ${stderr}`
}

/** The folder of a running task's cgroup, as a path of this process. */
function cgroupOf (state: string, id: string, { pid }: Spawned): string {
  const [folder = ''] = readdirSync(state)
  const record = readdirSync(join(state, folder)).find((name) => name.startsWith(`${id}.`))!
  const { cgroup } = JSON.parse(readFileSync(join(state, folder, record), 'utf8').split('\n')[0]!)
  return `/proc/${pid}/root${cgroup}`
}

t.test('processes that left the session are terminated with their command', { skip }, async (t) => {
  const dir = makeDirectory(t)
  const state = makeStateDirectory(t)
  const processor = await spawnProcessor(t, dir, state, ['--cgroups', '--concurrency', '3', '--grace', '200ms'], { before })
  const go = join(dir, 'go')
  const ended = await enqueue(dir, { command: `${ESCAPE} while [ ! -e ${go} ]; do sleep 0.02; done; exit 3` })
  const cancelled = await enqueue(dir, { command: `${ESCAPE} sleep 62` })
  const late = await enqueue(dir, { command: `${ESCAPE} sleep 62`, timeoutMs: 1_500 })
  const ids = [ended, cancelled, late]
  const tooLong = await enqueue(dir, { command: `: ${'x'.repeat(200_000)}` })
  await Promise.all(ids.map((id) => untilLogged(dir, id, 'gone\n')))
  const cgroups = ids.map((id) => cgroupOf(state, id, processor))
  for (const cgroup of cgroups) t.ok(existsSync(cgroup), cgroup)
  writeFileSync(go, '')
  writeFileSync(join(dir, `${cancelled}.cancel`), '')
  t.match(await untilEnded(dir, ended), { status: 'failed', exitCode: 3 })
  t.match(await untilEnded(dir, cancelled), { status: 'cancelled' })
  t.match(await untilEnded(dir, late), { status: 'failed', errorMessage: 'Timed out after 1500 ms.' })
  for (const id of ids) t.strictSame(processesOf(id), [])
  for (const cgroup of cgroups) t.notOk(existsSync(cgroup), cgroup)
  t.match(await untilEnded(dir, tooLong), { status: 'failed', errorMessage: /exceeds the system's argument size limit/ })
  await waitFor(() => !readdirSync(dirname(cgroups[0]!)).some((name) => name.startsWith('task_')))
})

t.test('an adopting processor terminates the processes that left the session', { skip }, async (t) => {
  const dir = makeDirectory(t)
  const state = makeStateDirectory(t)
  const first = await spawnProcessor(t, dir, state, ['--cgroups'], { before })
  const id = await enqueue(dir, { command: `${ESCAPE} sleep 62` })
  await untilLogged(dir, id, 'gone\n')
  first.kill('SIGKILL')
  await first.exited
  t.ok(processesOf(id).length > 0)
  const next = await spawnProcessor(t, dir, state, ['--cgroups', '--grace', '200ms'], { before })
  const cgroup = cgroupOf(state, id, next)
  t.ok(existsSync(cgroup))
  writeFileSync(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled' })
  t.strictSame(processesOf(id), [])
  t.notOk(existsSync(cgroup))
})

t.test('without a cgroup, processes that left the session keep running', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir)
  const id = await enqueue(dir, { command: `${ESCAPE} sleep 62` })
  await untilLogged(dir, id, 'gone\n')
  writeFileSync(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled' })
  const left = await until(dir, async () => {
    const pids = processesOf(id)
    return pids.length === 1 ? pids : undefined
  })
  t.equal(readFileSync(`/proc/${left[0]}/cmdline`, 'utf8'), 'sleep\x0063\0')
  process.kill(left[0]!, 'SIGKILL')
})
