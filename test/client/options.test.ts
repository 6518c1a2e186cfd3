import { once } from 'node:events'
import t from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { clientWithTask, BACKOFF } from './fixtures.ts'

const URL = 'http://127.0.0.1:1/api/tasks'
const OPTIONS = 'headers, fetch, credentials, minDelayMs, maxDelayMs'

t.test('the constructor rejects unknown options and invalid values', async (t) => {
  for (const [options, error] of [
    [{ header: {} }, { name: 'TypeError', message: 'header is not an option. Did you mean headers?' }],
    [{ minDelay: 5 }, { name: 'TypeError', message: 'minDelay is not an option. Did you mean minDelayMs?' }],
    [{ token: 'x' }, { name: 'TypeError', message: `token is not an option. The options are ${OPTIONS}.` }],
    ['x', { name: 'TypeError', message: 'The options must be an object.' }],
    [null, { name: 'TypeError', message: 'The options must be an object.' }],
    [{ headers: 'authorization: x' }, { name: 'TypeError', message: '`headers` must be an object or a function.' }],
    [{ fetch: {} }, { name: 'TypeError', message: '`fetch` must be a function.' }],
    [{ credentials: 'always' }, { name: 'TypeError', message: '`credentials` must be omit, same-origin or include.' }],
    [{ minDelayMs: NaN }, { name: 'RangeError', message: '`minDelayMs` must be a number of milliseconds, but is NaN' }],
    [{ maxDelayMs: '5' }, { name: 'RangeError', message: '`maxDelayMs` must be a number of milliseconds, but is 5' }],
    [{ maxDelayMs: -1 }, { name: 'RangeError', message: '`maxDelayMs` must be a number of milliseconds, but is -1' }]
  ] as const) t.throws(() => new TasksClient(URL, options as never), error, JSON.stringify(options))
  t.ok(new TasksClient(URL, { headers: {}, fetch, credentials: 'omit', minDelayMs: 0, maxDelayMs: 1 }))
  t.ok(new TasksClient(URL, { minDelayMs: undefined, maxDelayMs: undefined }))
})

t.test('methods reject unknown options and invalid values before a request', async (t) => {
  let requests = 0
  const client = new TasksClient(URL, { ...BACKOFF, fetch: async () => { requests++; throw new TypeError('not reached') } })
  const id = 'task_1_a'
  for (const [call, message] of [
    [() => client.list({ state: ['queued'] } as never), /^state is not an option. Did you mean status\?/],
    [() => client.list({ status: 'queued' } as never), /^`status` must be an array/],
    [() => client.get(id, { timeout: 5 } as never), /^timeout is not an option. The options are signal\./],
    [() => client.create({ command: 'true' }, { signals: null } as never), /^signals is not an option. Did you mean signal\?/],
    [() => client.cancel(id, { force: true } as never), /^force is not an option/],
    [() => client.delete(id, { forced: true } as never), /^forced is not an option. Did you mean force\?/],
    [() => client.delete(id, { force: 'no' } as never), /^`force` must be a boolean/],
    [() => client.readLog(id, { position: 5 } as never), /^position is not an option. The options are start, end, tail, signal\./],
    [() => client.logSize(id, { tail: 5 } as never), /^tail is not an option/],
    [() => client.searchLog(id, 'x', { limits: 5 } as never), /^limits is not an option. Did you mean limit\?/],
    [() => client.followLog(id, { positon: 5 } as never), /^positon is not an option. Did you mean position\?/],
    [() => client.health(5 as never), /^The options must be an object\./],
    [() => client.types({ signal: 'x' } as never), /^`signal` must be an AbortSignal\./],
    [() => client.watch({ task: [id] } as never), /^task is not an option. Did you mean tasks\?/],
    [() => client.watch({ tasks: id } as never), /^`tasks` must be an array of task ids\./],
    [() => client.watch({ logs: 'all' } as never), /^`logs` must be a boolean or an array of task ids\./],
    [() => client.watch({ signal: {} } as never), /^`signal` must be an AbortSignal\./]
  ] as const) await t.rejects(async () => { await call() }, { name: 'TypeError', message })
  t.equal(requests, 0)
})

t.test('errors of the callbacks of a user reject at once, and are not taken for a lost connection', async (t) => {
  const { url } = await clientWithTask(t)
  const failure = new TypeError('a mistake of the user')
  for (const [what, options, error] of [
    ['headers() throws', { headers: () => { throw failure } }, failure],
    ['headers() rejects', { headers: async () => { throw failure } }, failure],
    ['headers() returns no headers', { headers: () => 5 as never }, { name: 'TypeError' }],
    ['fetch() returns no response', { fetch: async () => undefined as never }, { name: 'TypeError' }]
  ] as const) {
    const client = new TasksClient(url, { ...BACKOFF, ...options })
    await t.rejects(client.list(), error, `${what}: list`)
    await t.rejects(client.followLog('task_1_a').next(), error, `${what}: followLog`)
    await t.rejects((async () => { for await (const change of client.watch()) t.fail(change.type) })(), error, `${what}: watch`)
  }
})

t.test('a signal ends a call whose headers() does not settle', async (t) => {
  const { url } = await clientWithTask(t)
  let asked!: () => void
  const isAsked = new Promise<void>((resolve) => { asked = resolve })
  const client = new TasksClient(url, { headers: () => { asked(); return new Promise(() => {}) } })
  const abort = new AbortController()
  const call = client.list({ signal: abort.signal })
  await isAsked
  const aborted = once(abort.signal, 'abort')
  abort.abort(new Error('enough'))
  await aborted
  await t.rejects(call, { message: 'enough' })
})
