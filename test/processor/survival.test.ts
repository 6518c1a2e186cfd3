import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { waitFor } from '../helpers.ts'
import {
  enqueue, killAll, makeDirectory, makeStateDirectory, processesOf, remainingProcessesOf, readLogOf, readTaskOf, recordsOf, startProcessor, until, untilEnded, untilLogged
} from './fixtures.ts'
import { spawnProcessor, type Spawned } from './spawned.ts'

async function kill (processor: Spawned): Promise<void> {
  processor.kill('SIGKILL')
  await processor.exited
}

t.test('commands run on when the processor is killed, and the next one goes on with them', async (t) => {
  const dir = makeDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t), ['--concurrency', '5'])
  const wait = (name: string) => `while [ ! -e ${join(dir, name)} ]; do sleep 0.02; done`
  const across = await enqueue(dir, { command: `echo up; ${wait('second')}; echo on; exit 7` })
  const meanwhile = await enqueue(dir, { command: `echo up; ${wait('between')}; echo done; exit 3` })
  const wished = await enqueue(dir, { command: `trap 'echo bye; exit 0' TERM; echo up; ${wait('never')}` })
  const late = await enqueue(dir, { command: `echo up; ${wait('never')}`, timeoutMs: 2500 })
  const shot = await enqueue(dir, { command: `echo up; ${wait('never')}` })
  const ids = [across, meanwhile, wished, late, shot]
  await Promise.all(ids.map((id) => untilLogged(dir, id, 'up\n')))
  t.equal(recordsOf(t).length, 5)
  await kill(first)
  await writeFile(join(dir, 'between'), '')
  await untilLogged(dir, meanwhile, 'done\n')
  killAll(processesOf(shot))
  await writeFile(join(dir, `${wished}.cancel`), '')
  for (const id of ids) t.match(await readTaskOf(dir, id), { status: 'running' })

  const began = performance.now()
  const { said } = await startProcessor(t, dir)
  t.ok(performance.now() - began < 5_000, 'without waiting for the lock of the dead one')
  await said.until(`${across} adopted`)
  t.match(await untilEnded(dir, meanwhile), { status: 'failed', exitCode: 3, errorMessage: 'Exited with code 3.' })
  t.match(await untilEnded(dir, wished), { status: 'cancelled', exitCode: 0, errorMessage: 'Cancelled.' })
  t.match(await untilEnded(dir, late), { status: 'failed', exitCode: 143, errorMessage: 'Timed out after 2500 ms.' })
  t.match(await untilEnded(dir, shot), { status: 'failed', exitCode: null, errorMessage: /the processor were both terminated/ })
  await writeFile(join(dir, 'second'), '')
  t.match(await untilEnded(dir, across), { status: 'failed', exitCode: 7 })
  t.equal(await readLogOf(dir, across), 'up\non\n')
  t.equal(await readLogOf(dir, meanwhile), 'up\ndone\n')
  t.match(await readLogOf(dir, wished), /^up\n(.*\n)?bye\n$/)
  for (const id of ids) t.strictSame(await remainingProcessesOf(id), [])
  await until(dir, async () => recordsOf(t).length === 0 ? true : undefined)
})

t.test('a wish to stop that comes while a processor starts is for what it takes over, too', async (t) => {
  const dir = makeDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t))
  const id = await enqueue(dir, { command: 'echo up; sleep 74' })
  await untilLogged(dir, id, 'up\n')
  await kill(first)
  for (const leave of [true, false]) {
    const processor = new TaskProcessor(dir, { stateDir: makeStateDirectory(t), graceMs: 300 })
    processor.start()
    t.equal(await processor.stop({ leave }), 'stopped')
    t.match(await readTaskOf(dir, id), leave ? { status: 'running' } : { status: 'failed', errorMessage: 'The processor was stopped.' })
    t.equal((await remainingProcessesOf(id)).length > 0, leave)
  }
})

t.test('an upgrade under a running task loses no byte and no exit code', async (t) => {
  const dir = makeDirectory(t)
  let child = await spawnProcessor(t, dir, makeStateDirectory(t), ['--leave-running'])
  const command = 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i + 1)); [ $((i % 100)) -ne 0 ] || sleep 0.1; done; exit 9'
  const id = await enqueue(dir, { command })
  for (let n = 1; n <= 3; n++) {
    await untilLogged(dir, id, `line ${n * 500}\n`)
    child.kill('SIGTERM')
    t.equal(await child.exited, 0, 'it does not wait for the command')
    t.notOk(existsSync(join(dir, '.processor.lock.pid')))
    child = await spawnProcessor(t, dir, makeStateDirectory(t), ['--leave-running'])
  }
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 9 })
  t.equal(await readLogOf(dir, id), Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join(''))
})

t.test('after a restart of the machine, what was begun has failed and is not begun again', async (t) => {
  const dir = makeDirectory(t)
  const root = makeStateDirectory(t)
  const first = await spawnProcessor(t, dir, makeStateDirectory(t))
  const id = await enqueue(dir, { command: `echo x >> ${join(dir, 'ran')}; echo up; sleep 68` })
  await untilLogged(dir, id, 'up\n')
  await kill(first)
  const pids = processesOf(id)
  // what a crash leaves: the record, of another boot, and a task's file of before it ran
  const [name = ''] = recordsOf(t)
  const path = join(root, readdirSync(root)[0]!, name)
  const text = await readFile(path, 'utf8')
  const { bootId } = JSON.parse(text.split('\n')[0]!)
  await writeFile(path, text.replace(bootId, 'another-boot'))
  await enqueue(dir, { ...await readTaskOf(dir, id), status: 'queued' })
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: null, errorMessage: /while it was running/ })
  t.equal(await readFile(join(dir, 'ran'), 'utf8'), 'x\n')
  t.strictSame(processesOf(id), pids, 'processes with the numbers of that boot are not its own')
  killAll(pids)
})

t.test('nobody else may use the state directory', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, open: {} })
  const tasks = join(dir, 'tasks')
  const refused = async (stateDir: string, message: RegExp) => {
    const { TaskProcessor } = await import('../../lib/processor/processor.ts')
    await t.rejects(new TaskProcessor(tasks, { stateDir }).start(), { code: 'PROCESSOR_START', message })
  }
  await refused(tasks, /must be outside the tasks directory/)
  await refused(join(tasks, 'below'), /must be outside the tasks directory/)
  execFileSync('chmod', ['777', join(dir, 'open')])
  await refused(join(dir, 'open'), /be writable by no other user/)
  await writeFile(join(dir, 'file'), '')
  await refused(join(dir, 'file'), /can't be used: .*--state-dir/)
  await mkdir(join(dir, 'own'), { mode: 0o755 })
  await startProcessor(t, tasks, { stateDir: join(dir, 'own') })
  const [name = ''] = readdirSync(join(dir, 'own'))
  t.equal(statSync(join(dir, 'own', name)).mode & 0o777, 0o700)
})

t.test('never signals a process that does not match its record', async (t) => {
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

t.test('a wrapper that is slow, or stopped for a while, is waited for: it has the output and the exit code', async (t) => {
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
  // a zombie: only the wrapper could bury it
  await waitFor(() => /\) Z /.test(readFileSync(`/proc/${leader}/stat`, 'latin1')))
  // longer than the end of a command without a wrapper is waited for
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  t.match(await readTaskOf(dir, id), { status: 'running' })
  process.kill(wrapper, 'SIGCONT')
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 7, errorMessage: 'Exited with code 7.' })
  t.equal((await readLogOf(dir, id)).length, 3 + 60_000)
})

t.test('the record of a task that has ended says nothing of another one by the same id', async (t) => {
  const dir = makeDirectory(t)
  const root = makeStateDirectory(t)
  const { processor } = await startProcessor(t, dir)
  await processor.stop()
  const id = await enqueue(dir, { command: 'echo the new one' })
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  const stat = readFileSync('/proc/self/stat', 'latin1').trim()
  await writeFile(join(root, readdirSync(root)[0]!, `${id}.n`), [
    JSON.stringify({ version: 1, id, nonce: 'n', bootId, type: 'custom' }), `wrapper ${stat}`, `leader ${stat}`, 'started', 'exit 0', 'drained 0', 'ended', ''
  ].join('\n'))
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.equal(await readLogOf(dir, id), 'the new one\n')
  await waitFor(() => recordsOf(t).length === 0)
})
