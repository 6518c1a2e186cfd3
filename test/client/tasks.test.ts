import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import t from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { clientWithTask, emptyClient } from './fixtures.ts'

async function taskFiles (dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith('.json'))
}

t.test('create returns the new task, and get returns the same', async (t) => {
  const { client } = await emptyClient(t)
  const { task, created } = await client.create({ command: 'true', config: { a: [1] } })
  t.match({ task, created }, { task: { command: 'true', status: 'queued', config: { a: [1] } }, created: true })
  t.strictSame(await client.get(task.id), task)
})

t.test('a client accepts a URL with a trailing slash', async (t) => {
  const { url } = await clientWithTask(t)
  t.match(await new TasksClient(`${url}/`).get('task_1_a'), { id: 'task_1_a' })
})

t.test('a list of summaries has neither config nor custom fields', async (t) => {
  const { client } = await emptyClient(t)
  await client.create({ command: 'true', config: { a: [1] } })
  const { tasks: [task] } = await client.list({ summary: true, limit: 1 })
  t.match(task, { command: 'true', status: 'queued', exitCode: null })
  t.notOk('config' in task!)
})

t.test('create with the id of an existing task returns that task, and rejects if it has other fields', async (t) => {
  const { client } = await emptyClient(t)
  const { task } = await client.create({ command: 'true', config: { a: 1, b: 2 } })
  t.match(await client.create({ command: 'true', config: { b: 2, a: 1 }, id: task.id }), { task: { command: 'true' }, created: false })
  await t.rejects(client.create({ command: 'false', id: task.id }), { statusCode: 409, code: 'FST_TASKS_EXISTS', message: /another value of command, config\./ })
})

t.test('create rejects a task that the server does not accept', async (t) => {
  const { client } = await emptyClient(t)
  await t.rejects(client.create({ command: '' }), { statusCode: 400, code: 'FST_TASKS_VALIDATION' })
})

t.test('create whose response is lost creates one task', async (t) => {
  let requests = 0
  const { dir, url, client } = await emptyClient(t, {
    interfere: (incoming, response) => {
      if (requests++ >= 2) return false
      // the server receives the request, and the client no response
      const forwarded = request(url, { method: incoming.method, headers: incoming.headers, agent: false }, () => response.destroy())
      incoming.pipe(forwarded)
      return true
    }
  })
  const { task, created } = await client.create({ command: 'true' })
  t.equal(created, true)
  t.equal(requests, 3)
  t.strictSame(await taskFiles(dir), [`${task.id}.json`])
})

t.test('get returns undefined for a task that does not exist', async (t) => {
  const { client } = await emptyClient(t)
  t.equal(await client.get('task_1_none'), undefined)
})

t.test('get rejects an invalid id without a request', async (t) => {
  let requests = 0
  const { client } = await emptyClient(t, { interfere: () => { requests++; return false } })
  for (const id of ['', '.', '..', 'x/y', '_meta/health']) {
    await t.rejects(client.get(id), { statusCode: 400, code: 'FST_TASKS_VALIDATION' }, JSON.stringify(id))
  }
  t.equal(requests, 0)
})

t.test('the pages of list contain every task once', async (t) => {
  const { client } = await emptyClient(t)
  for (let index = 0; index < 6; index++) await client.create({ command: 'true', id: `task_${index}_page` })
  const ids: string[] = []
  for (let before: string | undefined, page; page === undefined || before !== undefined; before = page.next) {
    page = await client.list({ limit: 2, status: ['queued'], ...(before !== undefined && { before }) })
    ids.push(...page.tasks.map(({ id }) => id))
  }
  t.strictSame(ids.toSorted(), [0, 1, 2, 3, 4, 5].map((index) => `task_${index}_page`))
})

t.test('list with an empty array of statuses returns no tasks', async (t) => {
  const { client } = await clientWithTask(t)
  t.strictSame(await client.list({ status: [] }), { tasks: [] })
})

t.test('cancelling a queued task returns the cancelled task', async (t) => {
  const { client } = await emptyClient(t)
  const { task } = await client.create({ command: 'true' })
  t.match(await client.cancel(task.id), { outcome: 'cancelled', task: { status: 'cancelled' } })
})

t.test('cancelling a running task requests its cancellation', async (t) => {
  const { client } = await clientWithTask(t)
  t.strictSame(await client.cancel('task_1_a'), { outcome: 'requested' })
})

t.test('cancelling a finished task rejects with FST_TASKS_NOT_ACTIVE', async (t) => {
  const { client } = await emptyClient(t)
  const { task } = await client.create({ command: 'true' })
  await client.cancel(task.id)
  await t.rejects(client.cancel(task.id), { name: 'TasksError', statusCode: 409, code: 'FST_TASKS_NOT_ACTIVE', message: /has already finished/ })
})

t.test('deleting a queued task needs force', async (t) => {
  const { dir, client } = await emptyClient(t)
  const { task } = await client.create({ command: 'true' })
  await t.rejects(client.delete(task.id), { code: 'FST_TASKS_ACTIVE' })
  await client.delete(task.id, { force: true })
  t.strictSame(await taskFiles(dir), [])
})

t.test('deleting a finished task deletes it', async (t) => {
  const { client } = await emptyClient(t)
  const { task } = await client.create({ command: 'true' })
  await client.cancel(task.id)
  await client.delete(task.id)
  t.equal(await client.get(task.id), undefined)
  await t.rejects(client.delete(task.id), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('health returns the state of the server', async (t) => {
  const { client } = await emptyClient(t)
  t.match(await client.health(), { processorAlive: false, sseClients: 0, readOnly: false })
})

t.test('a relative URL outside a browser is a TypeError', async (t) => {
  t.throws(() => new TasksClient('/api/tasks'), TypeError)
})

t.test('headers may be spelled in any case', async (t) => {
  const { client } = await emptyClient(t, { client: { headers: { 'Content-Type': 'application/json', 'X-Mine': '1' } } })
  t.match(await client.create({ command: 'true' }), { created: true })
})

t.test('an error of the headers function rejects the call', async (t) => {
  const { client } = await emptyClient(t, { client: { headers: () => { throw new TypeError('no token') } } })
  await t.rejects(client.list(), { message: 'no token' })
  await t.rejects(client.watch()[Symbol.asyncIterator]().next(), { message: 'no token' })
})

t.test('a headers function is called before each request', async (t) => {
  const seen: Array<string | undefined> = []
  let calls = 0
  const { client } = await emptyClient(t, {
    client: { headers: async () => ({ authorization: `Bearer ${++calls}` }) },
    server: { onRequest: async ({ headers }) => { seen.push(headers.authorization) } }
  })
  await client.list()
  await client.health()
  t.strictSame(seen, ['Bearer 1', 'Bearer 2'])
})

t.test('2000 requests with one signal leave no listeners on it', async (t) => {
  const { client } = await clientWithTask(t)
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  for (let count = 0; count < 2000; count++) await client.get('task_1_a', { signal })
  t.strictSame(warnings, [])
})
