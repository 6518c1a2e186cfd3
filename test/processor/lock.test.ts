import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { readFile, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ProcessorLock, type LockOptions } from '../../lib/processor/state/processor-lock.ts'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { enqueue, makeStateDirectory, readTaskOf, startProcessor, until, untilEnded, untilLogged, makeDirectory } from './fixtures.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const LOCK = '.processor.lock.pid'
const options: LockOptions = {
  staleAfterMs: 300, signal: new AbortController().signal, onLost () {}, deadText: '', remember () {}, logger: { info () {}, warn () {} }
}

t.test('one processor for a directory', async (t) => {
  const dir = makeDirectory(t)
  const { processor } = await startProcessor(t, dir)
  const [pid, heartbeat] = (await readFile(join(dir, LOCK), 'utf8')).split('\n')
  t.equal(Number(pid), process.pid)
  t.match(heartbeat, /^heartbeat [0-9a-f]{32}$/)
  const second = new TaskProcessor(dir, { stateDir: makeStateDirectory(t) })
  await t.rejects(second.start(), { code: 'PROCESSOR_START', message: `Another processor is running in this directory (process ${process.pid}).` })
  // as one in another container would; longer than the touches are apart
  const apart = new TaskProcessor(dir, { lockStaleAfterMs: 5_000, stateDir: join(makeStateDirectory(t), 'another') })
  await t.rejects(apart.start(), { code: 'PROCESSOR_START', message: /Another processor is running.*\(process \d+\)/ })
  t.match(await readFile(join(dir, LOCK), 'utf8'), heartbeat, 'the first one keeps its lock')
  t.equal(await processor.stop(), 'stopped')
  t.notOk(existsSync(join(dir, LOCK)))
  t.notOk(existsSync(join(dir, '.queue.fifo')))
  t.equal(processor.stop(), processor.stop())
})

t.test('a lock that stands still is taken over', async (t) => {
  const dir = makeDirectory(t, { [LOCK]: '1\nheartbeat of-a-dead-one\n' })
  const id = await enqueue(dir)
  await startProcessor(t, dir, { lockStaleAfterMs: 200 })
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.match(await readFile(join(dir, LOCK), 'utf8'), `${process.pid}\n`)
})

t.test('of many that wait for it, one takes it over', async (t) => {
  const dir = makeDirectory(t, { [LOCK]: '1\nheartbeat of-a-dead-one\n' })
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => ProcessorLock.acquire(tasksDirectory(dir), options)))
  const locks = results.flatMap((result) => result.status === 'fulfilled' ? [result.value] : [])
  t.teardown(() => Promise.all(locks.map((lock) => lock.release())))
  const held = await Promise.all(locks.map((lock) => lock.isHeld()))
  t.equal(held.filter(Boolean).length, 1)
})

t.test('what is no lock with a heartbeat is left alone, and the message says what to do', async (t) => {
  const dir = makeDirectory(t, { outside: '4711\nheartbeat x\n', older: { [LOCK]: '4711' }, link: {}, fifo: {}, folder: { [LOCK]: {} } })
  await symlink(join(dir, 'outside'), join(dir, 'link', LOCK))
  execFileSync('mkfifo', [join(dir, 'fifo', LOCK)])
  await t.rejects(ProcessorLock.acquire(tasksDirectory(join(dir, 'older')), options), { code: 'PROCESSOR_START', message: /older processor.*remove that file/ })
  for (const name of ['link', 'fifo', 'folder']) {
    await t.rejects(ProcessorLock.acquire(tasksDirectory(join(dir, name)), options), { code: 'PROCESSOR_START', message: /can't be used as a lock: it is .*Remove it/ })
  }
  t.equal(await readFile(join(dir, 'outside'), 'utf8'), '4711\nheartbeat x\n')
})

t.test('its holder touches it', async (t) => {
  const dir = makeDirectory(t)
  const lock = await ProcessorLock.acquire(tasksDirectory(dir), options)
  t.teardown(() => lock.release())
  const path = join(dir, LOCK)
  const before = statSync(path).mtimeMs
  await until(dir, async () => statSync(path).mtimeMs > before ? true : undefined)
})

t.test('who loses it takes nothing more, and lets end what runs', async (t) => {
  const dir = makeDirectory(t)
  const { processor, said } = await startProcessor(t, dir, { concurrency: 2 })
  const running = await enqueue(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.02; done` })
  await untilLogged(dir, running, 'up\n')
  await unlink(join(dir, LOCK))
  await writeFile(join(dir, LOCK), '1\nheartbeat another\n')
  const late = await enqueue(dir, { command: 'echo ran' })
  await said.until('no more tasks will be claimed')
  t.match(await readTaskOf(dir, running), { status: 'running' })
  await writeFile(join(dir, 'go'), '')
  t.match(await untilEnded(dir, running), { status: 'completed' })
  t.equal(await processor.ended, 'lost-lock')
  t.match(await readTaskOf(dir, late), { status: 'queued' })
  t.equal(await readFile(join(dir, LOCK), 'utf8'), '1\nheartbeat another\n')
})

t.test('waiting for a lock can be stopped', async (t) => {
  const dir = makeDirectory(t, { [LOCK]: '1\nheartbeat of-a-dead-one\n' })
  const processor = new TaskProcessor(dir, { stateDir: makeStateDirectory(t) })
  const started = processor.start()
  const refused = t.rejects(started, { name: 'AbortError' })
  t.equal(await processor.stop(), 'stopped')
  await refused
  t.ok(existsSync(join(dir, LOCK)))
})

t.test('the lock of a dead one is gone before its own is remembered, or the next one could not tell whose it is', async (t) => {
  const deadText = '1\nheartbeat of-a-dead-one\n'
  const dir = makeDirectory(t, { [LOCK]: deadText })
  let remembered = ''
  const lock = await ProcessorLock.acquire(tasksDirectory(dir), {
    ...options,
    deadText,
    remember (text) {
      remembered = text
      t.notOk(existsSync(join(dir, LOCK)))
    }
  })
  t.teardown(() => lock.release())
  t.equal(await readFile(join(dir, LOCK), 'utf8'), remembered)
})
