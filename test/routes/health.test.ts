import { rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { DirectoryStore, tasksPlugin } from '../../lib/index.ts'
import { putTask, startServer, temporaryDirectory, waitFor } from '../helpers.ts'

const LOCK = '.processor.lock.pid'

interface Answer {
  readonly status: number
  readonly body: any
}

async function healthAt (url: string, query = ''): Promise<Answer> {
  const response = await fetch(`${url}/_meta/health${query}`)
  return { status: response.status, body: await response.json() }
}

t.test('health has the number of tasks with each status, and the age of the oldest queued one', async (t) => {
  const dir = await temporaryDirectory(t)
  const at = (ms: number) => new Date(Date.now() - ms).toISOString()
  await putTask(dir, 'task_1_a', { status: 'completed', createdAt: at(900_000) })
  await putTask(dir, 'task_2_b', { status: 'queued', createdAt: at(60_000) })
  await putTask(dir, 'task_3_c', { status: 'queued', createdAt: at(30_000) })
  await putTask(dir, 'task_4_d', { status: 'odd', createdAt: at(90_000) })
  const { app, url } = await startServer(t, { dir })
  await app.tasks.list()
  const { body } = await healthAt(url)
  t.match(body, { tasks: 4, tasksByStatus: { queued: 2, running: 0, completed: 1, failed: 0, cancelled: 0, unknown: 1 } })
  t.ok(body.oldestQueuedMs >= 60_000 && body.oldestQueuedMs < 600_000, `${body.oldestQueuedMs} ms`)
  await app.tasks.cancel('task_2_b')
  const { tasksByStatus, oldestQueuedMs } = await app.tasks.health()
  t.match(tasksByStatus, { queued: 1, cancelled: 1 })
  t.ok(oldestQueuedMs! < body.oldestQueuedMs, `${oldestQueuedMs} ms`)
  await app.tasks.delete('task_3_c', { force: true })
  t.match((await healthAt(url)).body, { tasks: 3, tasksByStatus: { queued: 0 }, oldestQueuedMs: null })
  await putTask(dir, 'task_9_z', { status: 'queued', createdAt: '2100-01-01T00:00:00.000Z' })
  await waitFor(async () => (await healthAt(url)).body.oldestQueuedMs === 0, { describe: () => healthAt(url) })
})

t.test('health with strict=true answers 503 while there is a serious problem', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const problemAt = async (query: string, server = url) => {
    const { status, body } = await healthAt(server, query)
    return [status, body.problems.find((problem: { serious?: boolean }) => problem.serious)?.code]
  }
  t.strictSame(await problemAt('?strict=true'), [503, 'processor-absent'])
  t.strictSame(await problemAt(''), [200, 'processor-absent'])
  t.strictSame(await problemAt('?strict=false'), [200, 'processor-absent'])
  t.equal((await fetch(`${url}/_meta/health?strict=1`, { method: 'HEAD' })).status, 503)

  await writeFile(join(dir, LOCK), `${process.pid}\nheartbeat a\n`)
  t.strictSame(await problemAt('?strict=true'), [200, undefined], 'a missing FIFO is not serious')
  await writeFile(join(dir, 'task_1_x.json'), '{')
  await waitFor(async () => (await healthAt(url)).body.unreadableFiles === 1)
  t.strictSame(await problemAt('?strict=true'), [200, undefined], 'nor is an unreadable file')

  await utimes(join(dir, LOCK), 1, 1)
  const { url: second } = await startServer(t, { dir })
  t.strictSame(await problemAt('?strict=true', second), [503, 'processor-stale'])
  await rm(join(dir, LOCK))
  await rename(dir, `${dir}-away`)
  await waitFor(async () => (await healthAt(url)).body.problems.some(({ code }: { code: string }) => code === 'directory-unreadable'))
  t.equal((await problemAt('?strict=true'))[0], 503)
  await rename(`${dir}-away`, dir)

  t.match(await healthAt(url, '?strict=ture'), { status: 400, body: { message: 'querystring/strict must be one of 0, 1, true, false' } })
  t.match(await healthAt(url, '?stric=true'), { status: 400, body: { message: 'querystring/stric is not a known field. Did you mean strict?' } })
})

t.test('the health of a read-only view has no path and no details of the store', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  const view = Fastify()
  t.teardown(() => view.close())
  await view.register(tasksPlugin, { store: app.tasks.store, readOnly: true, prefix: '/view' })
  const origin = await view.listen({ port: 0, host: '127.0.0.1' })
  await writeFile(join(dir, 'task_1_x.json'), '[]')
  await writeFile(join(dir, 'task_2_y.json'), '{}')
  await waitFor(async () => (await healthAt(url)).body.unreadableFiles === 2)
  const texts = async () => await Promise.all([`${origin}/view`, url].map(async (each) => JSON.stringify((await healthAt(each)).body)))
  const [shown, full] = await texts()
  t.match(JSON.parse(shown!), { readOnly: true, tasks: 0, watcher: 'native', unreadableFiles: 2, problems: [{ code: 'processor-absent' }, { code: 'unreadable-files', message: /task_\d_\w.json/ }] })
  t.match(JSON.parse(full!), { readOnly: false, tasksDir: dir })
  await rename(dir, `${dir}-away`)
  await waitFor(async () => (await texts())[0]!.includes('directory-unreadable'))
  for (const text of [shown!, (await texts())[0]!]) t.notOk(text.includes(dir) || text.includes('tasksDir'), text)
  await rename(`${dir}-away`, dir)
})

t.test('details of a custom store are not shown by a read-only view', async (t) => {
  const store = new DirectoryStore(await temporaryDirectory(t))
  store.health = async () => ({ processorAlive: true, problems: [], tasks: 5, database: 'postgres://user:secret@db/tasks' })
  for (const readOnly of [true, false]) {
    const { url } = await startServer(t, { store, readOnly })
    const { body } = await healthAt(url)
    t.match(body, { processorAlive: true, tasks: 5, readOnly })
    t.equal('database' in body, !readOnly)
  }
})
