import { execFile, spawnSync } from 'node:child_process'
import { appendFile, mkdir, open, readdir, readFile, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openFeed, post, putTask, startServer, taskText, temporaryDirectory, waitFor } from '../helpers.ts'

t.test('a log written one byte at a time arrives as the exact text', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a', { status: 'running' })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  const text = 'Größe: 5 µm\n進捗 50 %\n🙂🙃 e\u0301\n'
  const file = await open(join(dir, 'task_1_a.log'), 'a')
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
  t.notOk(feed.messages.some(({ data }) => data.lossy), 'nothing was lossy')
})

t.test('an incomplete last character comes with the end of its task, before it', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a', { status: 'running' })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await appendFile(join(dir, 'task_1_a.log'), Buffer.from([0x61, 0xe2, 0x82]))
  await feed.find(({ data }) => data.chunk === 'a')
  await putTask(dir, 'task_1_a', { status: 'completed' })
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'completed')
  const [tail, end] = feed.messages.slice(-2)
  t.match(tail, { event: 'task.log', data: { offset: 1, end: 3, lossy: true } })
  t.match(end, { event: 'task.upsert' })
})

t.test('after a restart, an append to a log of 100 MB sends the new bytes alone', async (t) => {
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

t.test('a shrunk log, a rewritten one and a replaced one start over', async (t) => {
  const dir = await temporaryDirectory(t)
  const log = join(dir, 'task_1_a.log')
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a', { status: 'running' })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await appendFile(log, 'one two three')
  await feed.find(({ data }) => data.chunk === 'one two three')
  for (const text of ['short', 'rewritten and longer', 'REWRITTEN AND LONGER and longer', 'a'.padEnd(300, 'x'), 'b'.padEnd(300, 'x'), 'c'.padEnd(600, 'x')]) {
    const from = feed.messages.length
    await writeFile(log, text)
    await feed.find(({ data }) => data.truncated === true, from)
    await feed.find(({ data }) => data.chunk === text && data.offset === 0, from)
  }
  const from = feed.messages.length
  await unlink(log)
  await feed.find(({ data }) => data.truncated === true, from)
})

t.test('unusable task files are not listed, but counted and logged once', async (t) => {
  const dir = await temporaryDirectory(t)
  const outside = await temporaryDirectory(t)
  await writeFile(join(outside, 'secret.json'), taskText('task_1_link'))
  await symlink(join(outside, 'secret.json'), join(dir, 'task_1_link.json'))
  await mkdir(join(dir, 'task_2_dir.json'))
  for (let fifo = 0; fifo < 6; fifo++) spawnSync('mkfifo', [join(dir, `task_3_fifo${fifo}.json`)])
  await writeFile(join(dir, 'task_4_empty.json'), '')
  await writeFile(join(dir, 'task_5_huge.json'), '')
  await truncate(join(dir, 'task_5_huge.json'), 100 * 1024 * 1024)
  await writeFile(join(dir, 'task_6_latin.json'), Buffer.from([0x7b, 0xff, 0xfe]))
  await writeFile(join(dir, 'task_7_array.json'), '[]')
  await writeFile(join(dir, 'task_8_name.json'), taskText('task_9_other'))
  await putTask(dir, 'task_10_good')
  const lines: string[] = []
  const { app, url } = await startServer(t, { dir }, { logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } } })
  t.match(await (await fetch(url)).json(), [{ id: 'task_10_good' }])
  const count = async () => (await app.tasks.health()).problems.find(({ code }) => code === 'unreadable-files')?.count
  await waitFor(async () => await count() === 13)
  await putTask(dir, 'task_11_good')
  await waitFor(async () => (await app.tasks.list()).tasks.length === 2)
  t.equal(lines.filter((line) => line.includes('task_5_huge')).length, 1, 'once')
  t.notOk(lines.join('').includes(outside))

  await rm(join(dir, 'task_4_empty.json'))
  await waitFor(async () => await count() === 12)
})

t.test('half a write keeps the last good state, and is read again', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a')
  const { app, url } = await startServer(t, { dir })
  t.match(await (await fetch(url)).json(), [{ id: 'task_1_a' }])
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  const text = taskText('task_1_a', { status: 'running' })
  await writeFile(join(dir, 'task_1_a.json'), text.slice(0, 20))
  await waitFor(async () => (await app.tasks.health()).unreadableFiles === 1)
  t.match(await app.tasks.get('task_1_a'), { status: 'queued' })
  await writeFile(join(dir, 'task_1_a.json'), text)
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'running')
  t.equal((await app.tasks.health()).unreadableFiles, 0)
  t.notOk(feed.messages.some(({ event }) => event === 'task.deleted'))
})

t.test('40,000 files created while the event loop is blocked are all listed in the end', { timeout: 240_000 }, async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  await fetch(url).then((response) => response.json())
  const script = `for (let i = 0; i < 40000; i++) {
    fs.writeFileSync(\`\${process.argv[1]}/task_\${i}_x.json\`, JSON.stringify({ id: \`task_\${i}_x\`, status: 'completed' }))
  }`
  // spawnSync blocks this very process: its inotify queue (16,384 events) overflows
  spawnSync(process.execPath, ['-e', script, dir])
  t.equal((await readdir(dir)).length, 40_000)
  await waitFor(async () => (await app.tasks.list({})).tasks.length === 40_000, { timeout: 200_000, every: 200 })
  await waitFor(async () => (await app.tasks.health()).problems.some(({ code }) => code === 'notices-dropped'))
})

t.test('without inotify watches, changes are found by polling, which is logged once', async (t) => {
  const dir = await temporaryDirectory(t)
  const host = join(import.meta.dirname, 'fixtures', 'host.ts')
  // a user namespace has limits of its own
  const script = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"'
  const unshared = ['-Ur', 'sh', '-c', script, 'sh']
  if (spawnSync('unshare', [...unshared, 'true']).status !== 0) {
    t.pass('needs user namespaces', { skip: 'refused here' })
    return
  }
  const child = execFile('unshare', [...unshared, process.execPath, '--import=tsx', host, dir])
  t.teardown(() => child.kill())
  let output = ''
  child.stdout!.on('data', (text) => { output += text })
  await waitFor(() => output.includes('listening'))
  const url = /listening (\S+)/.exec(output)![1]!
  t.match(await (await fetch(`${url}/_meta/health`)).json(), { watcher: 'polling', problems: [{ code: 'processor-absent' }, { code: 'watcher-polling' }] })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await putTask(dir, 'task_1_a', { status: 'running' })
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_1_a')
  await appendFile(join(dir, 'task_1_a.log'), 'polled\n')
  await feed.find(({ event, data }) => event === 'task.log' && data.chunk === 'polled\n')
  await writeFile(join(dir, 'task_1_a.json'), taskText('task_1_a', { status: 'failed' }))
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'failed')
  await waitFor(() => output.split('changes are found by polling').length === 2)
})

t.test('three views of one directory hold one inotify watch', async (t) => {
  const dir = await temporaryDirectory(t)
  const count = async () => {
    const infos = await Promise.all((await readdir('/proc/self/fdinfo')).map((fd) => readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '')))
    return infos.join('\n').split('\n').filter((line) => line.startsWith('inotify wd:')).length
  }
  const before = await count()
  const { app, url } = await startServer(t, { dir })
  for (let index = 0; index < 300; index++) await putTask(dir, `task_${index}_many`)
  await post(url, { command: 'true' })
  t.equal((await app.tasks.list()).tasks.length > 0, true)
  t.equal(await count() - before, 1)
})
