import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { openFeed, post, putTask, startServer, taskText, temporaryDirectory, waitFor, type Teardown } from '../helpers.ts'

/** Files that match the name of a task file, but cannot be read as one. */
async function putUnusableFiles (t: Teardown, dir: string): Promise<{ count: number, outside: string }> {
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
  return { count: 13, outside }
}

async function unreadableCount (app: FastifyInstance): Promise<number | undefined> {
  return (await app.tasks.health()).problems.find(({ code }) => code === 'unreadable-files')?.count
}

async function untilUnreadable (app: FastifyInstance, count: number): Promise<void> {
  await waitFor(async () => await unreadableCount(app) === count, { describe: () => app.tasks.health() })
}

t.test('unusable task files are not listed, but counted in health', async (t) => {
  const dir = await temporaryDirectory(t)
  const { count } = await putUnusableFiles(t, dir)
  await putTask(dir, 'task_10_good')
  const { app, url } = await startServer(t, { dir })
  t.match(await (await fetch(url)).json(), [{ id: 'task_10_good' }])
  await untilUnreadable(app, count)
})

t.test('unusable task files are logged once, without the path of a link\'s target', async (t) => {
  const dir = await temporaryDirectory(t)
  const { count, outside } = await putUnusableFiles(t, dir)
  const lines: string[] = []
  const { app } = await startServer(t, { dir }, { logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } } })
  await untilUnreadable(app, count)
  await putTask(dir, 'task_11_good')
  await waitFor(async () => (await app.tasks.list()).tasks.length === 1, { describe: () => app.tasks.list() })
  t.equal(lines.filter((line) => line.includes('task_5_huge')).length, 1, lines.join(''))
  t.notOk(lines.join('').includes(outside), lines.join(''))
})

t.test('a deleted unusable task file is no longer counted', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'task_4_empty.json'), '')
  await writeFile(join(dir, 'task_7_array.json'), '[]')
  const { app } = await startServer(t, { dir })
  await untilUnreadable(app, 2)
  await rm(join(dir, 'task_4_empty.json'))
  await untilUnreadable(app, 1)
})

t.test('a partially written task file keeps the last valid task until it is complete', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a')
  const { app, url } = await startServer(t, { dir })
  t.match(await (await fetch(url)).json(), [{ id: 'task_1_a' }])
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  const text = taskText('task_1_a', { status: 'running' })
  await writeFile(join(dir, 'task_1_a.json'), text.slice(0, 20))
  await untilUnreadable(app, 1)
  t.match(await app.tasks.get('task_1_a'), { status: 'queued' })
  await writeFile(join(dir, 'task_1_a.json'), text)
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'running')
  t.equal((await app.tasks.health()).unreadableFiles, 0)
  t.notOk(feed.messages.some(({ event }) => event === 'task.deleted'))
})

t.test('40,000 files created while the event loop is blocked are all listed', { timeout: 240_000 }, async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  await fetch(url).then((response) => response.json())
  const script = `for (let i = 0; i < 40000; i++) {
    fs.writeFileSync(\`\${process.argv[1]}/task_\${i}_x.json\`, JSON.stringify({ id: \`task_\${i}_x\`, status: 'completed' }))
  }`
  // spawnSync blocks this process, so that its inotify queue (16,384 events) overflows
  spawnSync(process.execPath, ['-e', script, dir])
  t.equal((await readdir(dir)).length, 40_000)
  let count = 0
  await waitFor(async () => {
    count = (await app.tasks.list({})).tasks.length
    return count === 40_000
  }, { timeout: 200_000, every: 200, describe: () => `${count} tasks` })
  await waitFor(async () => (await app.tasks.health()).problems.some(({ code }) => code === 'notices-dropped'), { describe: () => app.tasks.health() })
})

t.test('a tasks directory needs one inotify watch', async (t) => {
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
