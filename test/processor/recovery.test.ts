import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Attempt } from '../../lib/processor/state/attempt.ts'
import { readBootId } from '../../lib/processor/os/process-stat.ts'
import { enqueue, makeStateDirectory, recordsOf, remainingProcessesOf, readTaskOf, startProcessor, until, untilEnded, untilGone, untilLogged, makeDirectory } from './fixtures.ts'

const claimOf = (by: string) => JSON.stringify({ by, nonce: 'of-a-dead-one' })

for (const wrapper of ['fork-server', 'perl', 'sh']) {
  t.test(`a processor that is killed before it starts a command (${wrapper}): it never ran, and then runs once`, async (t) => {
    const dir = makeDirectory(t)
    const ran = join(dir, 'ran')
    const id = await enqueue(dir, { command: `echo x >> ${ran}` })
    const child = spawn(process.execPath, [
      '--import=tsx', fileURLToPath(new URL('wait-unstarted.ts', import.meta.url)), dir, makeStateDirectory(t), id, wrapper
    ], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    t.equal(recordsOf(t).length, 1, 'it waits')
    child.kill('SIGKILL')
    await once(child, 'close')
    t.ok(existsSync(join(dir, `${id}.claim`)))
    t.match(await readTaskOf(dir, id), { status: 'queued' })
    t.notOk(existsSync(ran))

    await startProcessor(t, dir)
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
    t.equal(await readFile(ran, 'utf8'), 'x\n')
    t.strictSame(await remainingProcessesOf(id), [])
  })
}

t.test('what a dead processor left is settled at the start', async (t) => {
  const dir = makeDirectory(t)
  const running = await enqueue(dir, { status: 'running', startedAt: '2026-01-01T00:00:00.000Z', mine: 1 })
  const wished = await enqueue(dir, { status: 'running' })
  const claimed = await enqueue(dir)
  const ended = await enqueue(dir, { status: 'completed', exitCode: 0 })
  await writeFile(join(dir, `${wished}.cancel`), '{}')
  for (const id of [claimed, ended, running]) await writeFile(join(dir, `${id}.claim`), claimOf('processor'))
  await startProcessor(t, dir)
  t.match(await untilEnded(dir, running), {
    status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.', mine: 1
  })
  t.match(await untilEnded(dir, wished), { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
  t.match(await untilEnded(dir, claimed), { status: 'completed' })
  t.match(await readTaskOf(dir, ended), { status: 'completed', completedAt: null }, 'it was not written')
  await until(dir, async () => [running, wished, claimed, ended]
    .some((id) => existsSync(join(dir, `${id}.claim`)) || existsSync(join(dir, `${id}.cancel`)))
    ? undefined
    : true)
})

t.test('a task that runs keeps no claim of the processor that began it', async (t) => {
  const dir = makeDirectory(t)
  const first = await startProcessor(t, dir)
  const id = await enqueue(dir, { command: 'echo up; sleep 69' })
  await untilLogged(dir, id, 'up\n')
  await first.processor.stop({ leave: true })
  await writeFile(join(dir, `${id}.claim`), claimOf('processor'))
  await startProcessor(t, dir)
  t.notOk(existsSync(join(dir, `${id}.claim`)))
  t.match(await readTaskOf(dir, id), { status: 'running' })
})

t.test('what a process adds to the record before it ends is known when its end is seen', async (t) => {
  const dir = makeDirectory(t)
  const attempt = Attempt.create(dir, { id: 'task_1_a', bootId: readBootId(), type: 'custom' }, undefined)
  const record = await attempt.until(() => {
    appendFileSync(join(dir, attempt.name), 'unstarted\n')
    return true
  })
  t.equal(record.gate, 'unstarted')
})

t.test('a record says the same to all who read it, whatever letters its type has', async (t) => {
  const dir = makeDirectory(t)
  // read from the wrong place, its end would be lines of the record
  for (const type of ['déploiement', ...[0, 1].map((n) => '日'.repeat(41 + n) + 'exit 0')]) {
    const attempt = Attempt.create(dir, { id: 'task_1_a', bootId: readBootId(), type }, undefined)
    attempt.append('exit 3')
    for (const { record } of [attempt, Attempt.read(dir, attempt.name, readBootId())!]) t.match(record, { header: { type }, exitCode: 3 })
    t.equal(attempt.record.exitCode, 3)
    attempt.delete()
  }
})

t.test('half a cancelling and half a deletion are finished', async (t) => {
  const dir = makeDirectory(t)
  const half = await enqueue(dir, { command: 'echo ran' })
  await writeFile(join(dir, `${half}.cancel`), '{}')
  await writeFile(join(dir, `${half}.claim`), claimOf('cancel'))
  const deleted = 'task_1_deleted'
  await writeFile(join(dir, `${deleted}.cancel`), '{"delete": true}')
  await writeFile(join(dir, `${deleted}.log`), 'left behind')
  const resurrected = await enqueue(dir, { status: 'running' })
  await writeFile(join(dir, `${resurrected}.cancel`), '{"delete": true}')
  await startProcessor(t, dir, { pollIntervalMs: 500 })
  await untilGone(dir, resurrected)
  t.match(await untilEnded(dir, half), { status: 'cancelled', errorMessage: 'Cancelled before start.' })
  await untilGone(dir, deleted)
  t.notOk(existsSync(join(dir, `${half}.log`)))
})

t.test('heartbeats are written while a command runs', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir, { heartbeatIntervalMs: 50 })
  const id = await enqueue(dir, { command: 'echo up; sleep 67' })
  await untilLogged(dir, id, 'up\n')
  const { heartbeatAt } = await readTaskOf(dir, id)
  const later = await until(dir, async () => {
    const task = await readTaskOf(dir, id)
    return task.heartbeatAt !== heartbeatAt ? task : undefined
  })
  t.ok(String(later.heartbeatAt) > String(heartbeatAt))
  t.equal(later.status, 'running')
})

t.test('a look finds a task that no notice told of', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 100 })
  await writeFile(join(dir, 'task_1_held.claim'), claimOf('cancel'))
  const id = await enqueue(dir, { id: 'task_1_held' })
  // it could not be taken, and its own file does not change any more
  await untilEnded(dir, await enqueue(dir))
  t.match(await readTaskOf(dir, id), { status: 'queued' })
  await unlink(join(dir, 'task_1_held.claim'))
  await said.until(`${id} completed`)
})

t.test('an end that can not be written waits until it can', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir)
  const id = await enqueue(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.02; done` })
  await untilLogged(dir, id, 'up\n')
  const task = await readTaskOf(dir, id)
  await writeFile(join(dir, `${id}.json`), '{"half": ')
  await writeFile(join(dir, 'go'), '')
  await said.until(`${id}: its end (completed) can't be written yet: it is not JSON`)
  await enqueue(dir, { ...task, mine: 2 })
  t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0, mine: 2 })
})

t.test('an end that could not be written for long is written when it can, and holds up nobody', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 100 })
  const id = await enqueue(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.02; done; exit 4` })
  await untilLogged(dir, id, 'up\n')
  const task = await readTaskOf(dir, id)
  await writeFile(join(dir, `${id}.json`), '{"half": ')
  await writeFile(join(dir, 'go'), '')
  await said.until(`${id}: its end (failed) is not written: it is not JSON`)
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  await enqueue(dir, { ...task })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 4 })
})

t.test('a task that is nested too deeply to be written again is left alone', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 100 })
  const deep = `{"id":"task_1_deep","status":"queued","command":"echo ran","config":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  await writeFile(join(dir, 'task_1_deep.json'), deep)
  await said.until("task_1_deep.json can't be used: it is nested too deeply")
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  t.equal(await readFile(join(dir, 'task_1_deep.json'), 'utf8'), deep)
  t.notOk(existsSync(join(dir, 'task_1_deep.log')))
})

t.test('stopping ends what runs, and writes why', async (t) => {
  const dir = makeDirectory(t)
  const { processor } = await startProcessor(t, dir, { graceMs: 60_000 })
  const deaf = await enqueue(dir, { command: 'trap "echo deaf" TERM; echo up; while :; do sleep 1; done' })
  await untilLogged(dir, deaf, 'up\n')
  // not before: of two tasks from the same millisecond, either may be the first
  const waiting = await enqueue(dir)
  const stopped = processor.stop()
  await untilLogged(dir, deaf, 'deaf\n')
  processor.stop({ now: true })
  t.equal(await stopped, 'stopped')
  t.match(await readTaskOf(dir, deaf), { status: 'failed', exitCode: 137, errorMessage: 'The processor was stopped.' })
  t.match(await readTaskOf(dir, waiting), { status: 'queued' })
  t.strictSame(await remainingProcessesOf(deaf), [])
})
