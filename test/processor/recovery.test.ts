import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import {
  enqueue, makeDirectory, makeStateDirectory, readTaskOf, recordsOf, remainingProcessesOf, startProcessor, until, untilAbsent, untilEnded, untilGone, untilLogged
} from './fixtures.ts'

function claimOf (by: string): string {
  return JSON.stringify({ by, nonce: 'of-a-dead-one' })
}

for (const wrapper of ['fork-server', 'perl', 'sh']) {
  t.test(`a command that was prepared and not started before its processor was killed runs exactly once (${wrapper})`, async (t) => {
    const dir = makeDirectory(t)
    const ran = join(dir, 'ran')
    const id = await enqueue(dir, { command: `echo x >> ${ran}` })
    const child = spawn(process.execPath, [
      '--import=tsx', fileURLToPath(new URL('wait-unstarted.ts', import.meta.url)), dir, makeStateDirectory(t), id, wrapper
    ], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    t.equal(recordsOf(t).length, 1, 'the command waits at its start gate')
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

interface Abandoned {
  readonly dir: string
  readonly id: string
}

/** A task as a dead processor left it, with its claim or a cancel marker, and a new processor. */
async function adoptTask (t: Test, fields: Record<string, unknown>, { claim = true, marker = false } = {}): Promise<Abandoned> {
  const dir = makeDirectory(t)
  const id = await enqueue(dir, fields)
  if (claim) await writeFile(join(dir, `${id}.claim`), claimOf('processor'))
  if (marker) await writeFile(join(dir, `${id}.cancel`), '{}')
  await startProcessor(t, dir)
  return { dir, id }
}

t.test('a running task without an attempt record fails, and keeps its other fields', async (t) => {
  const { dir, id } = await adoptTask(t, { status: 'running', startedAt: '2026-01-01T00:00:00.000Z', mine: 1 })
  t.match(await untilEnded(dir, id), {
    status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.', mine: 1
  })
  await untilAbsent(dir, `${id}.claim`)
})

t.test('a running task without an attempt record, but with a cancel marker, is cancelled', async (t) => {
  const { dir, id } = await adoptTask(t, { status: 'running' }, { claim: false, marker: true })
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
  await untilAbsent(dir, `${id}.cancel`)
})

t.test('a queued task that a dead processor claimed runs', async (t) => {
  const { dir, id } = await adoptTask(t, {})
  t.match(await untilEnded(dir, id), { status: 'completed' })
  await untilAbsent(dir, `${id}.claim`)
})

t.test('a finished task loses its claim and is not written', async (t) => {
  const { dir, id } = await adoptTask(t, { status: 'completed', exitCode: 0 })
  await untilAbsent(dir, `${id}.claim`)
  t.match(await readTaskOf(dir, id), { status: 'completed', completedAt: null })
})

t.test('an adopted task loses the claim of the processor that started it', async (t) => {
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

t.test('an interrupted cancellation is completed', async (t) => {
  const dir = makeDirectory(t)
  const id = await enqueue(dir, { command: 'echo ran' })
  await writeFile(join(dir, `${id}.cancel`), '{}')
  await writeFile(join(dir, `${id}.claim`), claimOf('cancel'))
  await startProcessor(t, dir, { pollIntervalMs: 500 })
  t.match(await untilEnded(dir, id), { status: 'cancelled', errorMessage: 'Cancelled before start.' })
  t.notOk(existsSync(join(dir, `${id}.log`)))
})

t.test('an interrupted deletion is completed', async (t) => {
  const id = 'task_1_deleted'
  const dir = makeDirectory(t, { [`${id}.cancel`]: '{"delete": true}', [`${id}.log`]: 'left behind' })
  await startProcessor(t, dir, { pollIntervalMs: 500 })
  await untilGone(dir, id)
})

t.test('a running task with a delete marker is deleted', async (t) => {
  const dir = makeDirectory(t)
  const id = await enqueue(dir, { status: 'running' })
  await writeFile(join(dir, `${id}.cancel`), '{"delete": true}')
  await startProcessor(t, dir, { pollIntervalMs: 500 })
  await untilGone(dir, id)
})

t.test('a heartbeat is written while a command runs', async (t) => {
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

t.test('polling claims a task that could not be claimed before', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 100 })
  await writeFile(join(dir, 'task_1_held.claim'), claimOf('cancel'))
  const id = await enqueue(dir, { id: 'task_1_held' })
  // the last file event of the held task is before the one of this task
  await untilEnded(dir, await enqueue(dir))
  t.match(await readTaskOf(dir, id), { status: 'queued' })
  await unlink(join(dir, 'task_1_held.claim'))
  await said.until(`${id} completed`)
})

/** A task that has exited while its file is not valid JSON. */
async function finishUnwritable (t: Test, exitCode: number, pollIntervalMs = 3000) {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { pollIntervalMs })
  const id = await enqueue(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.02; done; exit ${exitCode}` })
  await untilLogged(dir, id, 'up\n')
  const task = await readTaskOf(dir, id)
  await writeFile(join(dir, `${id}.json`), '{"half": ')
  await writeFile(join(dir, 'go'), '')
  return { dir, said, id, task }
}

t.test('an outcome that cannot be written is written as soon as it can be', async (t) => {
  const { dir, said, id, task } = await finishUnwritable(t, 0)
  await said.until(`${id}: its outcome (completed) cannot be written yet: it is not valid JSON`)
  await enqueue(dir, { ...task, mine: 2 })
  t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0, mine: 2 })
})

t.test('an outcome that cannot be written for 5 s does not hold up other tasks', async (t) => {
  const { dir, said, id } = await finishUnwritable(t, 4, 100)
  await said.until(`${id}: its outcome (failed) is not written: it is not valid JSON`)
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
})

t.test('an outcome that could not be written for 5 s is written by a poll', async (t) => {
  const { dir, said, id, task } = await finishUnwritable(t, 4, 100)
  await said.until(`${id}: its outcome (failed) is not written: it is not valid JSON`)
  await enqueue(dir, { ...task })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 4 })
  await said.until(`${id} failed: the outcome could be written now`)
})

t.test('a task that is nested too deeply is not changed and does not run', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 100 })
  const deep = `{"id":"task_1_deep","status":"queued","command":"echo ran","config":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  await writeFile(join(dir, 'task_1_deep.json'), deep)
  await said.until('task_1_deep.json cannot be used: it is nested more than 100 levels deep')
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  t.equal(await readFile(join(dir, 'task_1_deep.json'), 'utf8'), deep)
  t.notOk(existsSync(join(dir, 'task_1_deep.log')))
})

t.test('stopping again with `now` kills a command within its grace period, and leaves queued tasks', async (t) => {
  const dir = makeDirectory(t)
  const { processor } = await startProcessor(t, dir, { graceMs: 60_000 })
  const ignoring = await enqueue(dir, { command: 'trap "echo got TERM" TERM; echo up; while :; do sleep 1; done' })
  await untilLogged(dir, ignoring, 'up\n')
  // not before: of two tasks of the same millisecond, either may be the first
  const waiting = await enqueue(dir)
  const stopped = processor.stop()
  await untilLogged(dir, ignoring, 'got TERM\n')
  processor.stop({ now: true })
  t.equal(await stopped, 'stopped')
  t.match(await readTaskOf(dir, ignoring), { status: 'failed', exitCode: 137, errorMessage: 'The processor was stopped.' })
  t.match(await readTaskOf(dir, waiting), { status: 'queued' })
  t.strictSame(await remainingProcessesOf(ignoring), [])
})

t.test('a processor that was stopped before it was started does not start', async (t) => {
  const processor = new TaskProcessor(makeDirectory(t), { stateDir: makeStateDirectory(t) })
  t.equal(await processor.stop(), 'stopped')
  await t.rejects(processor.start(), { code: 'PROCESSOR_START' })
})

t.test('stopping a stopped processor has no further effect', async (t) => {
  const { processor } = await startProcessor(t, makeDirectory(t))
  t.equal(await processor.stop(), 'stopped')
  t.equal(await processor.stop({ now: true }), 'stopped')
})
