import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { readFile, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ProcessorLock, type LockOptions } from '../../lib/processor/state/processor-lock.ts'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { alreadyRunning } from '../../lib/processor/start-error.ts'
import { LOCK_NAME } from '../../lib/protocol/lock-file.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { enqueue, makeDirectory, makeStateDirectory, readTaskOf, startProcessor, until, untilEnded, untilLogged } from './fixtures.ts'

const DEAD = '1\nheartbeat of-a-dead-one\n'
const options: LockOptions = {
  staleAfterMs: 300, signal: new AbortController().signal, onLost () {}, deadText: '', remember () {}, logger: { info () {}, warn () {} }
}

t.test('a processor holds the lock with its pid and a heartbeat, and removes it when it stops', async (t) => {
  const dir = makeDirectory(t)
  const { processor } = await startProcessor(t, dir)
  const [pid, heartbeat] = (await readFile(join(dir, LOCK_NAME), 'utf8')).split('\n')
  t.equal(Number(pid), process.pid)
  t.match(heartbeat, /^heartbeat [0-9a-f]{32}$/)
  t.equal(await processor.stop(), 'stopped')
  t.notOk(existsSync(join(dir, LOCK_NAME)))
  t.notOk(existsSync(join(dir, '.queue.fifo')))
  t.equal(processor.stop(), processor.stop())
})

t.test('a second processor with the same state directory is rejected immediately', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir)
  const second = new TaskProcessor(dir, { stateDir: makeStateDirectory(t) })
  await t.rejects(second.start(), { code: 'PROCESSOR_START', message: `Another processor is running in this directory (process ${process.pid}).` })
})

t.test('a second processor with another state directory is rejected after it saw a heartbeat', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir)
  const before = await readFile(join(dir, LOCK_NAME), 'utf8')
  // as in another container; longer than the interval of the heartbeat
  const second = new TaskProcessor(dir, { lockStaleAfterMs: 5_000, stateDir: join(makeStateDirectory(t), 'another') })
  await t.rejects(second.start(), { code: 'PROCESSOR_START', message: /Another processor is running.*\(process \d+\)/ })
  t.equal(await readFile(join(dir, LOCK_NAME), 'utf8'), before, 'the first processor keeps its lock')
})

t.test('a processor takes over a lock without heartbeats', async (t) => {
  const dir = makeDirectory(t, { [LOCK_NAME]: DEAD })
  const id = await enqueue(dir)
  await startProcessor(t, dir, { lockStaleAfterMs: 200 })
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.match(await readFile(join(dir, LOCK_NAME), 'utf8'), `${process.pid}\n`)
})

t.test('one of several waiting processors takes over a stale lock', async (t) => {
  const dir = makeDirectory(t, { [LOCK_NAME]: DEAD })
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => ProcessorLock.acquire(tasksDirectory(dir), options)))
  const locks = results.flatMap((result) => result.status === 'fulfilled' ? [result.value] : [])
  t.teardown(() => Promise.all(locks.map((lock) => lock.release())))
  const held = await Promise.all(locks.map((lock) => lock.isHeld()))
  t.equal(held.filter(Boolean).length, 1)
})

t.test('the lock of an older processor, without a heartbeat, is an error that says what to do', async (t) => {
  const dir = makeDirectory(t, { [LOCK_NAME]: '4711' })
  await t.rejects(ProcessorLock.acquire(tasksDirectory(dir), options), { code: 'PROCESSOR_START', message: /older processor.*remove that file/ })
  t.equal(await readFile(join(dir, LOCK_NAME), 'utf8'), '4711')
})

t.test('another kind of file in place of the lock is an error that says what to do', async (t) => {
  const dir = makeDirectory(t, { outside: '4711\nheartbeat x\n', link: {}, fifo: {}, folder: { [LOCK_NAME]: {} } })
  await symlink(join(dir, 'outside'), join(dir, 'link', LOCK_NAME))
  execFileSync('mkfifo', [join(dir, 'fifo', LOCK_NAME)])
  for (const name of ['link', 'fifo', 'folder']) {
    await t.rejects(ProcessorLock.acquire(tasksDirectory(join(dir, name)), options), { code: 'PROCESSOR_START', message: /cannot be used as a lock: it is .*Remove it/ })
  }
  t.equal(await readFile(join(dir, 'outside'), 'utf8'), '4711\nheartbeat x\n')
})

t.test('the holder touches its lock', async (t) => {
  const dir = makeDirectory(t)
  const lock = await ProcessorLock.acquire(tasksDirectory(dir), options)
  t.teardown(() => lock.release())
  const path = join(dir, LOCK_NAME)
  const before = statSync(path).mtimeMs
  await until(dir, async () => statSync(path).mtimeMs > before ? true : undefined)
})

t.test('a processor that loses its lock claims no more tasks, and its commands finish', async (t) => {
  const dir = makeDirectory(t)
  const { processor, said } = await startProcessor(t, dir, { concurrency: 2 })
  const running = await enqueue(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.02; done` })
  await untilLogged(dir, running, 'up\n')
  await unlink(join(dir, LOCK_NAME))
  await writeFile(join(dir, LOCK_NAME), '1\nheartbeat another\n')
  const late = await enqueue(dir, { command: 'echo ran' })
  await said.until('no more tasks will be claimed')
  t.match(await readTaskOf(dir, running), { status: 'running' })
  await writeFile(join(dir, 'go'), '')
  t.match(await untilEnded(dir, running), { status: 'completed' })
  t.equal(await processor.ended, 'lost-lock')
  t.match(await readTaskOf(dir, late), { status: 'queued' })
  t.equal(await readFile(join(dir, LOCK_NAME), 'utf8'), '1\nheartbeat another\n')
})

t.test('a released lock is not held, and its loss is not reported', async (t) => {
  let lost = 0
  const lock = await ProcessorLock.acquire(tasksDirectory(makeDirectory(t)), { ...options, onLost () { lost++ } })
  t.equal(await lock.isHeld(), true)
  await lock.release()
  t.equal(await lock.isHeld(), false)
  t.equal(lost, 0)
})

t.test('stopping a processor aborts its wait for a stale lock', async (t) => {
  const dir = makeDirectory(t, { [LOCK_NAME]: DEAD })
  const processor = new TaskProcessor(dir, { stateDir: makeStateDirectory(t) })
  const started = processor.start()
  const refused = t.rejects(started, { name: 'AbortError' })
  t.equal(await processor.stop(), 'stopped')
  await refused
  t.ok(existsSync(join(dir, LOCK_NAME)))
})

t.test('the lock of a dead processor is removed before the new lock is remembered, otherwise the next processor could not identify it', async (t) => {
  const dir = makeDirectory(t, { [LOCK_NAME]: DEAD })
  let remembered = ''
  const lock = await ProcessorLock.acquire(tasksDirectory(dir), {
    ...options,
    deadText: DEAD,
    remember (text) {
      remembered = text
      t.notOk(existsSync(join(dir, LOCK_NAME)))
    }
  })
  t.teardown(() => lock.release())
  t.equal(await readFile(join(dir, LOCK_NAME), 'utf8'), remembered)
})

t.test('the error about a running processor names its process, if the lock does', async (t) => {
  const table: Array<[text: string, process: string]> = [
    ['4711\nheartbeat x\n', '4711'], ['4711', '4711'], ['4711\n4711\nheartbeat x\n', '4711'], ['', 'unknown'], ['noise\n', 'unknown']
  ]
  for (const [text, process] of table) {
    t.match(alreadyRunning(text), { code: 'PROCESSOR_START', message: `Another processor is running in this directory (process ${process}).` }, JSON.stringify(text))
  }
})
