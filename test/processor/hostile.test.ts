import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, openSync, closeSync, writeSync, constants } from 'node:fs'
import { link, lstat, mkdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { WakeUpFifo } from '../../lib/processor/queue/wake-up-fifo.ts'
import { enqueue, readLogOf, startProcessor, untilEnded, makeDirectory } from './fixtures.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

t.test('nothing outside the directory is written through a log', async (t) => {
  const dir = makeDirectory(t, { outside: { secret: 'untouched\n' }, tasks: {} })
  const secret = join(dir, 'outside', 'secret')
  const tasks = join(dir, 'tasks')
  await startProcessor(t, tasks)
  const made: Array<[string, (path: string) => Promise<unknown>]> = [
    ['symlink', (path) => symlink(secret, path)],
    ['dangling', (path) => symlink(join(dir, 'outside', 'new'), path)],
    ['hardlink', (path) => link(secret, path)],
    ['directory', (path) => mkdir(path)],
    ['fifo', async (path) => execFileSync('mkfifo', [path])]
  ]
  for (const [name, make] of made) {
    await make(join(tasks, `task_1_${name}.log`))
    const id = await enqueue(tasks, { id: `task_1_${name}`, command: 'echo written' })
    t.match(await untilEnded(tasks, id), { status: 'failed', errorMessage: /log can't be written: it /, startedAt: null }, name)
  }
  t.equal(await readFile(secret, 'utf8'), 'untouched\n')
  t.notOk(existsSync(join(dir, 'outside', 'new')))

  await writeFile(join(tasks, 'task_1_own.log'), 'earlier\n')
  await untilEnded(tasks, await enqueue(tasks, { id: 'task_1_own', command: 'echo later' }))
  t.equal(await readLogOf(tasks, 'task_1_own'), 'earlier\nlater\n')
})

t.test('files that are no tasks hold nothing up', async (t) => {
  const dir = makeDirectory(t, {
    'task_1_text.json': 'no json',
    'task_1_other.json': '{"id":"task_2_other","status":"queued","command":"echo x"}',
    'task_1_array.json': '[]',
    'task_1_folder.json': {},
    'task_1_status.json': '{"id":"task_1_status","status":"sleeping","command":"echo x"}',
    'task_1_link.json': t.fixture('symlink', '/etc/passwd'),
    'task_1_claimed.json': '{"id":"task_1_claimed","status":"queued","command":"echo x"}',
    'task_1_claimed.claim': {},
    'task_1_folder.cancel': {},
    '.queue.fifo': 'not one',
    'task_..%2f_x.json': '{"id":"task_..%2f_x","status":"queued","command":"echo x"}'
  })
  for (let i = 0; i < 8; i++) execFileSync('mkfifo', [join(dir, `task_1_fifo${i}.json`)])
  await writeFile(join(dir, 'task_1_huge.json'), `{"id":"task_1_huge","status":"queued","command":"x","config":"${'x'.repeat(1024 * 1024)}"}`)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 50 })
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  for (const reason of ['task_1_text.json can\'t be used: it is not JSON', 'task_1_huge.json', 'task_1_fifo7.json', 'task_1_link.json']) await said.until(reason)
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  t.equal(said.lines.filter((line) => line.includes('task_1_text.json')).length, 1, 'said once')
  t.equal(await readFile(join(dir, '.queue.fifo'), 'utf8'), 'not one')
  t.ok(said.lines.some((line) => line.includes('without the FIFO')))
  t.equal(await readFile(join(dir, 'task_1_text.json'), 'utf8'), 'no json')
})

t.test('a file that is written in place is run when it is complete', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir)
  const fd = openSync(join(dir, 'task_1_slow.json'), 'w')
  writeSync(fd, '{"id":"task_1_slow","status":"queued",')
  await untilEnded(dir, await enqueue(dir))
  writeSync(fd, '"command":"echo whole"}')
  closeSync(fd)
  const task = await untilEnded(dir, 'task_1_slow')
  t.match(task, { status: 'completed' })
})

t.test('the oldest goes first, one by one', async (t) => {
  const dir = makeDirectory(t)
  const order = join(dir, 'order')
  const times = [5, 1, 4, 2, 3]
  const ids = await Promise.all(times.map((n) => enqueue(dir, {
    command: `echo start ${n} >> ${order}; echo end ${n} >> ${order}`,
    ...(n === 2 ? { createdAt: undefined, created_at: `2026-01-0${n}T00:00:00Z` } : { createdAt: `2026-01-0${n}T00:00:00Z` })
  })))
  await startProcessor(t, dir)
  await Promise.all(ids.map((id) => untilEnded(dir, id)))
  t.equal(await readFile(order, 'utf8'), [1, 2, 3, 4, 5].map((n) => `start ${n}\nend ${n}\n`).join(''))
})

t.test('the FIFO tells ids, over and over, and is removed', async (t) => {
  const dir = makeDirectory(t)
  const told: string[] = []
  let tell = (_id: string): void => {}
  const fifo = await WakeUpFifo.open(tasksDirectory(dir), (id) => {
    told.push(id)
    tell(id)
  })
  const path = join(dir, '.queue.fifo')
  t.equal(lstatSync(path).mode & 0o777, 0o660)
  for (const text of ['task_1_a\n', 'noise\n\0../x\ntask_1_b\n', `${'x'.repeat(10_000)}\ntask_1_c\n`]) {
    const last = new Promise<string>((resolve) => { tell = (id) => resolve(id) })
    // as any writer does: it must find a reader
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    writeSync(fd, text)
    closeSync(fd)
    await last
  }
  t.strictSame(told, ['task_1_a', 'task_1_b', 'task_1_c'])
  await fifo.close()
  await t.rejects(lstat(path), { code: 'ENOENT' })

  const again = await WakeUpFifo.open(tasksDirectory(dir), () => {})
  await unlink(path)
  await writeFile(path, 'another')
  await again.close()
  t.equal(await readFile(path, 'utf8'), 'another', 'only its own is removed')
})
