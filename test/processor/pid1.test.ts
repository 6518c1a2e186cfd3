import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { enqueue, makeDirectory, makeStateDirectory, processesOf, readLogOf, startProcessor, untilEnded, untilLogged } from './fixtures.ts'
import { spawnProcessor, type Spawned } from './spawned.ts'

/** As in a container without an init: no process reaps orphans. */
const before = ['unshare', '-pf', '--kill-child', '--mount-proc']
const skip = whyNoNamespaces()

function whyNoNamespaces (): string | false {
  if (process.getuid!() !== 0) return 'needs root, for a PID namespace'
  const { status, stderr } = spawnSync(before[0]!, [...before.slice(1), 'true'], { encoding: 'utf8' })
  return status === 0 ? false : `needs a PID namespace: ${stderr}`
}

/** The pid of the processor outside its namespace. */
function pidOf ({ pid }: Spawned): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'))
}

function childrenOf (parent: number): Array<{ name: string, state: string }> {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const [, name = '', state = '', ppid] = /\((.*)\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
      return Number(ppid) === parent ? [{ name, state }] : []
    } catch {
      return []
    }
  })
}

async function start (t: Test, dir: string): Promise<{ processor: Spawned, pid: number }> {
  const processor = await spawnProcessor(t, dir, makeStateDirectory(t), ['--concurrency', '4', '--grace', '200ms'], { before })
  t.match(readFileSync(join(dir, '.processor.lock.pid'), 'utf8'), /^1\n/)
  return { processor, pid: pidOf(processor) }
}

t.test('a processor that is pid 1 finishes a task although no process reaps its orphans', { skip }, async (t) => {
  const dir = makeDirectory(t)
  const { processor, pid } = await start(t, dir)
  const id = await enqueue(dir, { command: '(true &); (sleep 0.1 &); (setsid true &); echo hi; exit 3' })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 3 })
  t.equal(await readLogOf(dir, id), 'hi\n')
  t.ok(childrenOf(pid).some(({ state }) => state === 'Z'), 'there are zombies')
  process.kill(pid, 'SIGTERM')
  t.equal(await processor.exited, 0)
})

t.test('a processor that is pid 1 cancels a task whose processes become zombies', { skip }, async (t) => {
  const dir = makeDirectory(t)
  await start(t, dir)
  const id = await enqueue(dir, { command: '(sleep 61 &); (trap "" TERM; sleep 62; sleep 63) & echo up; wait' })
  await untilLogged(dir, id, 'up\n')
  writeFileSync(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled', errorMessage: 'Cancelled.' })
  t.strictSame(processesOf(id), [])
})

t.test('a processor that is pid 1 finishes a task whose output a process outside the session keeps open', { skip }, async (t) => {
  const dir = makeDirectory(t)
  await start(t, dir)
  const id = await enqueue(dir, { command: 'setsid sleep 64 & echo said; exit 4' })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 4, errorMessage: 'Exited with code 4.' })
  t.equal(await readLogOf(dir, id), 'said\n')
})

t.test('after pid 1 was killed, the next processor signals no process with the same pids in another namespace', { skip }, async (t) => {
  const dir = makeDirectory(t)
  const { processor, pid } = await start(t, dir)
  const ids = await Promise.all([1, 2].map(() => enqueue(dir, { command: 'echo up; sleep 65' })))
  for (const id of ids) await untilLogged(dir, id, 'up\n')
  process.kill(pid, 'SIGKILL')
  await processor.exited
  for (const id of ids) t.strictSame(processesOf(id), [], 'its commands were killed with it')
  writeFileSync(join(dir, `${ids[1]}.cancel`), '')

  // other processes use all pids that the records can name
  const others = 'i=0; while [ $i -lt 80 ]; do i=$((i + 1)); sleep 66 & done; exec "$@"'
  const next = await spawnProcessor(t, dir, makeStateDirectory(t), [], { before: [...before, 'sh', '-c', others, 'sh'] })
  t.match(await untilEnded(dir, ids[0]!), { status: 'failed', exitCode: null, errorMessage: 'The command and the processor were both terminated while it was running.' })
  t.match(await untilEnded(dir, ids[1]!), { status: 'cancelled', exitCode: null })
  t.equal(childrenOf(pidOf(next)).filter(({ name, state }) => name === 'sleep' && state === 'S').length, 80)
})

t.test('a processor outside the namespace of a command fails its task and does not signal it', { skip }, async (t) => {
  const dir = makeDirectory(t)
  const init = ['unshare', '-pf', '--kill-child', '--mount-proc', 'sh', '-c', '"$@"; echo processor exited >&2; sleep 67', 'sh']
  const first = await spawnProcessor(t, dir, makeStateDirectory(t), ['--leave-running'], { before: init })
  const id = await enqueue(dir, { command: 'trap "echo signalled" TERM; echo up; while :; do sleep 0.1; done' })
  await untilLogged(dir, id, 'up\n')
  const node = pidOf({ ...first, pid: pidOf(first) })
  process.kill(node, 'SIGTERM')
  await first.said('processor exited')
  t.ok(processesOf(id).length > 0)
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: null })
  t.equal(await readLogOf(dir, id), 'up\n')
  t.ok(processesOf(id).length > 0)
})
