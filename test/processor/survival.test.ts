import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { waitFor } from '../wait-for.ts'
import {
  enqueue, killAll, makeDirectory, makeStateDirectory, processesOf, remainingProcessesOf, readLogOf, readTaskOf, recordsOf, startProcessor, until, untilEnded, untilLogged
} from './fixtures.ts'
import { spawnProcessor, type Spawned } from './spawned.ts'

async function kill (processor: Spawned): Promise<void> {
  processor.kill('SIGKILL')
  await processor.exited
}

t.test('a processor adopts the commands of a killed one, with their exit codes, time limits and cancellation requests', async (t) => {
  const dir = makeDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t), ['--concurrency', '5'])
  const waitForFile = (name: string) => `while [ ! -e ${join(dir, name)} ]; do sleep 0.02; done`
  const across = await enqueue(dir, { command: `echo up; ${waitForFile('second')}; echo on; exit 7` })
  const meanwhile = await enqueue(dir, { command: `echo up; ${waitForFile('between')}; echo done; exit 3` })
  const cancelled = await enqueue(dir, { command: `trap 'echo bye; exit 0' TERM; echo up; ${waitForFile('never')}` })
  const late = await enqueue(dir, { command: `echo up; ${waitForFile('never')}`, timeoutMs: 2500 })
  const shot = await enqueue(dir, { command: `echo up; ${waitForFile('never')}` })
  const ids = [across, meanwhile, cancelled, late, shot]
  await Promise.all(ids.map((id) => untilLogged(dir, id, 'up\n')))
  t.equal(recordsOf(t).length, 5)
  await kill(first)
  await writeFile(join(dir, 'between'), '')
  await untilLogged(dir, meanwhile, 'done\n')
  killAll(processesOf(shot))
  await writeFile(join(dir, `${cancelled}.cancel`), '')
  for (const id of ids) t.match(await readTaskOf(dir, id), { status: 'running' })

  const startedAt = performance.now()
  const { said } = await startProcessor(t, dir)
  t.ok(performance.now() - startedAt < 5_000, 'it does not wait until the lock is stale')
  await said.until(`${across} adopted`)
  t.match(await untilEnded(dir, meanwhile), { status: 'failed', exitCode: 3, errorMessage: 'Exited with code 3.' })
  t.match(await untilEnded(dir, cancelled), { status: 'cancelled', exitCode: 0, errorMessage: 'Cancelled.' })
  t.match(await untilEnded(dir, late), { status: 'failed', exitCode: 143, errorMessage: 'Timed out after 2500 ms.' })
  t.match(await untilEnded(dir, shot), { status: 'failed', exitCode: null, errorMessage: /the processor were both terminated/ })
  await writeFile(join(dir, 'second'), '')
  t.match(await untilEnded(dir, across), { status: 'failed', exitCode: 7 })
  t.equal(await readLogOf(dir, across), 'up\non\n')
  t.equal(await readLogOf(dir, meanwhile), 'up\ndone\n')
  t.match(await readLogOf(dir, cancelled), /^up\n(.*\n)?bye\n$/)
  for (const id of ids) t.strictSame(await remainingProcessesOf(id), [])
  await until(dir, async () => recordsOf(t).length === 0 ? true : undefined)
})

async function stopWhileStarting (t: Test, leave: boolean): Promise<{ dir: string, id: string }> {
  const dir = makeDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t))
  const id = await enqueue(dir, { command: 'echo up; sleep 74' })
  await untilLogged(dir, id, 'up\n')
  await kill(first)
  t.teardown(() => killAll(processesOf(id)))
  const processor = new TaskProcessor(dir, { stateDir: makeStateDirectory(t), graceMs: 300 })
  processor.start()
  t.equal(await processor.stop({ leave }), 'stopped')
  return { dir, id }
}

t.test('a processor that is stopped while it starts stops the commands that it adopts', async (t) => {
  const { dir, id } = await stopWhileStarting(t, false)
  t.match(await readTaskOf(dir, id), { status: 'failed', errorMessage: 'The processor was stopped.' })
  t.strictSame(await remainingProcessesOf(id), [])
})

t.test('a processor that is to leave while it starts leaves the commands running', async (t) => {
  const { dir, id } = await stopWhileStarting(t, true)
  t.match(await readTaskOf(dir, id), { status: 'running' })
  t.ok(processesOf(id).length > 0)
})

t.test('upgrades of the processor lose no byte and no exit code of a running task', async (t) => {
  const dir = makeDirectory(t)
  let child = await spawnProcessor(t, dir, makeStateDirectory(t), ['--leave-running'])
  const command = 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i + 1)); [ $((i % 100)) -ne 0 ] || sleep 0.1; done; exit 9'
  const id = await enqueue(dir, { command })
  for (let n = 1; n <= 3; n++) {
    await untilLogged(dir, id, `line ${n * 500}\n`)
    child.kill('SIGTERM')
    t.equal(await child.exited, 0, 'the processor does not wait for the command')
    t.notOk(existsSync(join(dir, '.processor.lock.pid')))
    child = await spawnProcessor(t, dir, makeStateDirectory(t), ['--leave-running'])
  }
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 9 })
  t.equal(await readLogOf(dir, id), Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join(''))
})

t.test('a task that was running before a restart of the machine fails and does not run again', async (t) => {
  const dir = makeDirectory(t)
  const root = makeStateDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t))
  const id = await enqueue(dir, { command: `echo x >> ${join(dir, 'ran')}; echo up; sleep 68` })
  await untilLogged(dir, id, 'up\n')
  await kill(first)
  const pids = processesOf(id)
  // a crash may leave the record, of another boot, and the task file from before it ran
  const [name = ''] = recordsOf(t)
  const path = join(root, readdirSync(root)[0]!, name)
  const text = await readFile(path, 'utf8')
  const { bootId } = JSON.parse(text.split('\n')[0]!)
  await writeFile(path, text.replace(bootId, 'another-boot'))
  await enqueue(dir, { ...await readTaskOf(dir, id), status: 'queued' })
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: null, errorMessage: /while it was running/ })
  t.equal(await readFile(join(dir, 'ran'), 'utf8'), 'x\n')
  t.strictSame(processesOf(id), pids, 'processes with pids of an earlier boot are not signalled')
  killAll(pids)
})

const STATE_DIRECTORIES: Array<[name: string, stateDir: (dir: string) => string, message: RegExp]> = [
  ['that is the tasks directory', (dir) => join(dir, 'tasks'), /must be outside the tasks directory/],
  ['inside the tasks directory', (dir) => join(dir, 'tasks', 'below'), /must be outside the tasks directory/],
  ['that others can write to', (dir) => join(dir, 'open'), /be writable by no other user/],
  ['that is a file', (dir) => join(dir, 'file'), /cannot be used: .*--state-dir/]
]

for (const [name, stateDir, message] of STATE_DIRECTORIES) {
  t.test(`a processor does not start with a state directory ${name}`, async (t) => {
    const dir = makeDirectory(t, { tasks: {}, open: {}, file: '' })
    chmodSync(join(dir, 'open'), 0o777)
    await t.rejects(new TaskProcessor(join(dir, 'tasks'), { stateDir: stateDir(dir) }).start(), { code: 'PROCESSOR_START', message })
    t.strictSame(readdirSync(join(dir, 'tasks')), [], 'nothing is created in the tasks directory')
  })
}

t.test('the records are in a folder that only the user of the processor can access', async (t) => {
  const dir = makeDirectory(t, { tasks: {} })
  await mkdir(join(dir, 'own'), { mode: 0o755 })
  await startProcessor(t, join(dir, 'tasks'), { stateDir: join(dir, 'own') })
  const [name = ''] = readdirSync(join(dir, 'own'))
  t.equal(statSync(join(dir, 'own', name)).mode & 0o777, 0o700)
})

t.test('a process that does not match its record is not signalled', async (t) => {
  const dir = makeDirectory(t)
  const root = makeStateDirectory(t)
  const { processor } = await startProcessor(t, dir)
  await processor.stop()
  const bystander = spawn('sleep', ['69'], { detached: true, stdio: 'ignore' })
  t.teardown(() => bystander.kill('SIGKILL'))
  await once(bystander, 'spawn')
  const id = await enqueue(dir, { status: 'running' })
  const stat = readFileSync(`/proc/${bystander.pid}/stat`, 'latin1').trim().split(' ')
  stat[21] = String(Number(stat[21]) - 1)
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  await writeFile(join(root, readdirSync(root)[0]!, `${id}.n`), [
    JSON.stringify({ version: 1, id, nonce: 'n', bootId, type: 'custom' }), `wrapper ${stat.join(' ')}`, `leader ${stat.join(' ')}`, 'started', ''
  ].join('\n'))
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: null })
  t.equal(bystander.exitCode ?? bystander.signalCode, null)
})

t.test('a suspended wrapper delivers the output and the exit code when it continues', async (t) => {
  const dir = makeDirectory(t)
  const root = makeStateDirectory(t)
  await startProcessor(t, dir)
  const go = join(dir, 'go')
  const id = await enqueue(dir, { command: `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; head -c 60000 /dev/zero; exit 7` })
  await untilLogged(dir, id, 'up\n')
  const record = readFileSync(join(root, readdirSync(root)[0]!, recordsOf(t)[0]!), 'latin1')
  const [wrapper, leader] = ['wrapper', 'leader'].map((word) => Number(new RegExp(`^${word} (\\d+)`, 'm').exec(record)![1])) as [number, number]
  process.kill(wrapper, 'SIGSTOP')
  await writeFile(go, '')
  // a zombie: only the wrapper can wait for it
  await waitFor(() => /\) Z /.test(readFileSync(`/proc/${leader}/stat`, 'latin1')))
  // longer than the processor waits for the exit code of a command whose wrapper is gone
  await sleep(3_000)
  t.match(await readTaskOf(dir, id), { status: 'running' })
  process.kill(wrapper, 'SIGCONT')
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 7, errorMessage: 'Exited with code 7.' })
  t.equal((await readLogOf(dir, id)).length, 3 + 60_000)
})

t.test('the record of a finished task does not affect another task by the same id', async (t) => {
  const dir = makeDirectory(t)
  const root = makeStateDirectory(t)
  const { processor } = await startProcessor(t, dir)
  await processor.stop()
  const id = await enqueue(dir, { command: 'echo second' })
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  const stat = readFileSync('/proc/self/stat', 'latin1').trim()
  await writeFile(join(root, readdirSync(root)[0]!, `${id}.n`), [
    JSON.stringify({ version: 1, id, nonce: 'n', bootId, type: 'custom' }), `wrapper ${stat}`, `leader ${stat}`, 'started', 'exit 0', 'drained 0', 'ended', ''
  ].join('\n'))
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.equal(await readLogOf(dir, id), 'second\n')
  await waitFor(() => recordsOf(t).length === 0)
})
