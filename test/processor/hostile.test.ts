import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, writeSync } from 'node:fs'
import { link, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { enqueue, makeDirectory, readLogOf, startProcessor, untilEnded } from './fixtures.ts'

const LOGS: Array<[name: string, make: (path: string, outside: string) => Promise<unknown>]> = [
  ['a symbolic link', (path, outside) => symlink(join(outside, 'secret'), path)],
  ['a dangling symbolic link', (path, outside) => symlink(join(outside, 'new'), path)],
  ['a hard link', (path, outside) => link(join(outside, 'secret'), path)],
  ['a directory', (path) => mkdir(path)],
  ['a FIFO', async (path) => execFileSync('mkfifo', [path])]
]

for (const [name, make] of LOGS) {
  t.test(`a task whose log is ${name} fails, and nothing outside the directory is written`, async (t) => {
    const dir = makeDirectory(t, { outside: { secret: 'untouched\n' }, tasks: {} })
    const [tasks, outside] = [join(dir, 'tasks'), join(dir, 'outside')]
    await make(join(tasks, 'task_1_odd.log'), outside)
    await startProcessor(t, tasks)
    const id = await enqueue(tasks, { id: 'task_1_odd', command: 'echo written' })
    t.match(await untilEnded(tasks, id), { status: 'failed', errorMessage: /log cannot be written: it /, startedAt: null })
    t.equal(await readFile(join(outside, 'secret'), 'utf8'), 'untouched\n')
    t.notOk(existsSync(join(outside, 'new')))
  })
}

t.test('the output is appended to an existing log', async (t) => {
  const dir = makeDirectory(t, { 'task_1_own.log': 'earlier\n' })
  await startProcessor(t, dir)
  await untilEnded(dir, await enqueue(dir, { id: 'task_1_own', command: 'echo later' }))
  t.equal(await readLogOf(dir, 'task_1_own'), 'earlier\nlater\n')
})

t.test('files that are not tasks do not hold up tasks, and are reported once', async (t) => {
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
    'task_..%2f_x.json': '{"id":"task_..%2f_x","status":"queued","command":"echo x"}'
  })
  // more than there are threads in the pool
  for (let i = 0; i < 8; i++) execFileSync('mkfifo', [join(dir, `task_1_fifo${i}.json`)])
  await writeFile(join(dir, 'task_1_huge.json'), `{"id":"task_1_huge","status":"queued","command":"x","config":"${'x'.repeat(1024 * 1024)}"}`)
  const { said } = await startProcessor(t, dir, { pollIntervalMs: 50 })
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  for (const line of ['task_1_text.json cannot be used: it is not valid JSON', 'task_1_huge.json', 'task_1_fifo7.json', 'task_1_link.json']) await said.until(line)
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  t.equal(said.lines.filter((line) => line.includes('task_1_text.json')).length, 1)
  t.equal(await readFile(join(dir, 'task_1_text.json'), 'utf8'), 'no json')
})

t.test('a file by the name of the FIFO is kept, and tasks are found without the FIFO', async (t) => {
  const dir = makeDirectory(t, { '.queue.fifo': 'not one' })
  const { said } = await startProcessor(t, dir)
  t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' })
  await said.until('Cannot use the FIFO')
  t.equal(await readFile(join(dir, '.queue.fifo'), 'utf8'), 'not one')
})

t.test('a task file that is written in place runs when it is complete', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir)
  const fd = openSync(join(dir, 'task_1_slow.json'), 'w')
  writeSync(fd, '{"id":"task_1_slow","status":"queued",')
  await untilEnded(dir, await enqueue(dir))
  writeSync(fd, '"command":"echo whole"}')
  closeSync(fd)
  t.match(await untilEnded(dir, 'task_1_slow'), { status: 'completed' })
})
