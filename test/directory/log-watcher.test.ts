import { execFile } from 'node:child_process'
import { appendFile, link, open, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openFeed, putTask, startServer, temporaryDirectory, waitFor, type EventStream } from '../helpers.ts'
import { LogWatcher } from '../../lib/directory/log/log-watcher.ts'
import { before, systemError } from '../protocol/fixtures/system-calls.ts'

/** A running task and the feed of its server. */
async function startFeed (t: Test): Promise<{ dir: string, log: string, feed: EventStream }> {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a', { status: 'running' })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  return { dir, log: join(dir, 'task_1_a.log'), feed }
}

t.test('a log written one byte at a time arrives as the exact text', async (t) => {
  const { log, feed } = await startFeed(t)
  const text = 'Größe: 5 µm\n進捗 50 %\n🙂🙃 e\u0301\n'
  const file = await open(log, 'a')
  t.teardown(() => file.close())
  let received = ''
  for (const byte of Buffer.from(text)) {
    await file.write(Buffer.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await feed.until(() => {
    received = feed.messages.filter(({ event }) => event === 'task.log').map(({ data }) => data.chunk).join('')
    return received.length >= text.length
  })
  t.equal(received, text)
  t.notOk(feed.messages.some(({ data }) => data.lossy), 'no chunk is lossy')
})

t.test('an incomplete last character is reported when its task finishes, before the final status', async (t) => {
  const { dir, log, feed } = await startFeed(t)
  await appendFile(log, Buffer.from([0x61, 0xe2, 0x82]))
  await feed.find(({ data }) => data.chunk === 'a')
  await putTask(dir, 'task_1_a', { status: 'completed' })
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'completed')
  const [tail, end] = feed.messages.slice(-2)
  t.match(tail, { event: 'task.log', data: { offset: 1, end: 3, lossy: true } })
  t.match(end, { event: 'task.upsert' })
})

t.test('after a restart, an append to a log of 100 MB is reported without the existing bytes', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  await writeFile(join(dir, 'task_1_a.log'), '')
  await truncate(join(dir, 'task_1_a.log'), 100 * 1024 * 1024)
  const { url } = await startServer(t, { dir })
  await fetch(url).then((response) => response.json())
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await feed.find(({ event }) => event === 'ready')
  await appendFile(join(dir, 'task_1_a.log'), 'new\n')
  const { data } = await feed.find(({ event }) => event === 'task.log')
  t.strictSame(data, { id: 'task_1_a', offset: 104857600, end: 104857604, chunk: 'new\n' })
})

t.test('a log that is truncated or rewritten is reported as truncated, then from its beginning', async (t) => {
  const { log, feed } = await startFeed(t)
  await appendFile(log, 'one two three')
  await feed.find(({ data }) => data.chunk === 'one two three')
  for (const text of ['short', 'rewritten and longer', 'REWRITTEN AND LONGER and longer', 'a'.padEnd(300, 'x'), 'b'.padEnd(300, 'x'), 'c'.padEnd(600, 'x')]) {
    const from = feed.messages.length
    await writeFile(log, text)
    await feed.find(({ data }) => data.truncated === true, from)
    await feed.find(({ data }) => data.chunk === text && data.offset === 0, from)
  }
})

t.test('a deleted log is reported as truncated', async (t) => {
  const { log, feed } = await startFeed(t)
  await appendFile(log, 'one two three')
  await feed.find(({ data }) => data.chunk === 'one two three')
  const from = feed.messages.length
  await unlink(log)
  await feed.find(({ data }) => data.truncated === true, from)
})

t.test('a log that cannot be opened for a moment is reported without growing', async (t) => {
  const { log, feed } = await startFeed(t)
  for (const code of ['EMFILE', 'EACCES']) {
    let refusals = 3
    before(t, 'open', (path: string) => { if (path === log && refusals-- > 0) throw systemError(code) })
    await appendFile(log, code)
    await feed.find(({ data }) => data.chunk === code)
    t.ok(refusals < 0)
  }
})

t.test('a log that has another name for a moment is reported without growing', async (t) => {
  const { dir, log, feed } = await startFeed(t)
  await writeFile(join(dir, 'temporary'), 'output')
  let reads = 0
  before(t, 'open', async (path: string) => { if (path === log && ++reads === 3) await unlink(join(dir, 'temporary')) })
  await link(join(dir, 'temporary'), log)
  await feed.find(({ data }) => data.chunk === 'output')
})

t.test('of a log that grows by more than 64 MiB at once, the feed reports the size', async (t) => {
  const { log, feed } = await startFeed(t)
  await appendFile(log, 'one\n')
  await feed.find(({ data }) => data.chunk === 'one\n')
  await truncate(log, 2 ** 40)
  await feed.find(({ data }) => data.end === 2 ** 40)
  t.strictSame(feed.messages.at(-1)!.data, { id: 'task_1_a', offset: 2 ** 40, end: 2 ** 40, chunk: '' })
  await appendFile(log, 'two\n')
  await feed.find(({ data }) => data.chunk === 'two\n')
})

t.test('under load, output is reported after its task is running, or with its final status', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app } = await startServer(t, { dir })
  const statuses = new Map<string, string>()
  const early: string[] = []
  app.tasks.on('task.upsert', ({ task }) => { statuses.set(task.id, task.status) })
  const unordered = new Map<string, string>()
  app.tasks.on('task.log', ({ taskId, chunk }) => { if (chunk !== '' && statuses.get(taskId) === 'queued') unordered.set(taskId, chunk) })
  app.tasks.on('task.upsert', ({ task }) => { if (task.status === 'running' && unordered.has(task.id)) early.push(task.id) })
  const script = `const put = (id, status) => {
    fs.writeFileSync(id + '.new', JSON.stringify({ id, status }))
    fs.renameSync(id + '.new', id + '.json')
  }
  for (let number = 1; number <= 400; number++) {
    const id = 'task_' + number + '_order'
    put(id, 'queued')
    const until = performance.now() + number % 20 / 10
    while (performance.now() < until) ;
    put(id, 'running')
    fs.appendFileSync(id + '.log', 'output')
    if (number % 2 === 0) put(id, 'completed')
  }`
  await promisify(execFile)(process.execPath, ['-e', script], { cwd: dir })
  await waitFor(() => statuses.size === 400 && [...statuses.values()].every((status) => status !== 'queued'), { describe: () => [...statuses] })
  t.strictSame(early, [])
})

t.test('the first refresh of a log that changed unread reports its size, whatever it is', async (t) => {
  const dir = await temporaryDirectory(t)
  const log = join(dir, 'task_1_a.log')
  let isWanted = false
  const changes: unknown[] = []
  const logs = new LogWatcher(dir, { isWanted: () => isWanted, emit: (_id, change) => changes.push(change), onFileChange: () => {}, report: () => {} })
  await logs.watch('task_1_a', { isReported: false, mayGrow: true })
  for (const [content, end] of [['', 0], ['text', 4], ['next', 4], [undefined, 0]] as const) {
    isWanted = false
    if (content === undefined) await unlink(log)
    else await writeFile(log, content)
    logs.handleHint('task_1_a', { isRefreshing: false })
    isWanted = true
    while (await logs.refresh('task_1_a', { isFinished: false })) ;
    t.match(changes.at(-1), { end, chunk: '' }, `the log has ${end} bytes`)
    changes.length = 0
    await logs.refresh('task_1_a', { isFinished: false })
    t.strictSame(changes, [], 'it is reported once')
  }
})
