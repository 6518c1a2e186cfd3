import { readdirSync } from 'node:fs'
import t from 'tap'
import { startServer, temporaryDirectory, waitFor } from '../helpers.ts'
import { randomFrom } from '../random.ts'

const IDS = ['task_1_a', 'task_2_b', 'task_3_c']
const WORKERS = 8
const STEPS = 60

/** The answers that HTTP.md documents, as `METHOD path status code`. No processor runs, so that no task is running. */
const DOCUMENTED = new Set([
  'create 201', 'create 200', 'create 409 FST_TASKS_ID_TAKEN',
  // 202: another request is cancelling it
  'cancel 200', 'cancel 202', 'cancel 404 FST_TASKS_NOT_FOUND', 'cancel 409 FST_TASKS_NOT_ACTIVE',
  'delete 200', 'delete 404 FST_TASKS_NOT_FOUND', 'delete 409 FST_TASKS_ACTIVE',
  'force 200', 'force 404 FST_TASKS_NOT_FOUND',
  'get 200', 'get 404 FST_TASKS_NOT_FOUND', 'log 404', 'log 404 FST_TASKS_NOT_FOUND', 'list 200'
])

t.test('requests that race for the same ids get only documented answers', async (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1e9)
  t.comment(`FUZZ_SEED=${seed}`)
  const random = randomFrom(seed)
  const { pick } = random
  const dir = await temporaryDirectory(t)
  const { app } = await startServer(t, { dir })
  const send = async (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) => {
    const { statusCode, headers, body } = await app.inject({ method, url: `/api/tasks${path}`, ...(payload && { payload }) })
    return { status: statusCode, location: headers.location, body: body === '' ? {} : JSON.parse(body) }
  }
  const requests: Record<string, (id: string) => ReturnType<typeof send>> = {
    create: async (id) => await send('POST', '', { id, command: 'true' }),
    cancel: async (id) => await send('POST', `/${id}/cancel`),
    delete: async (id) => await send('DELETE', `/${id}`),
    force: async (id) => await send('DELETE', `/${id}?force=1`),
    get: async (id) => await send('GET', `/${id}`),
    log: async (id) => await send('GET', `/${id}/log`),
    list: async () => await send('GET', '')
  }
  const undocumented: string[] = []
  const counts: Record<string, number> = {}
  await Promise.all(Array.from({ length: WORKERS }, async () => {
    for (let step = 0; step < STEPS; step++) {
      const [name, id] = [pick(['create', 'create', ...Object.keys(requests)]), pick(IDS)]
      const { status, body } = await requests[name]!(id)
      const answer = [name, status, ...(body.code === undefined ? [] : [body.code])].join(' ')
      counts[answer] = (counts[answer] ?? 0) + 1
      if (!DOCUMENTED.has(answer)) undocumented.push(`${answer} ${body.message}`)
      if (answer === 'create 201' && body.status !== 'queued') undocumented.push(`created as ${body.status}`)
      if (answer === 'cancel 200' && body.status !== 'cancelled') undocumented.push(`cancelled as ${body.status}`)
      if (name === 'get' && status === 200 && body.id !== id) undocumented.push(`read ${body.id} as ${id}`)
    }
  }))
  t.strictSame(undocumented, [], JSON.stringify({ seed, counts }))
  await Promise.all(IDS.map(requests.force!))
  t.strictSame(readdirSync(dir), [], 'no file is left')
  await waitFor(async () => (await app.tasks.list()).tasks.length === 0)
})
