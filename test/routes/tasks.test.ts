import { execFileSync, spawnSync } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { openFeed, post, putTask, startServer, temporaryDirectory } from '../helpers.ts'

t.test('each created task is written completely, listed immediately, and emitted once', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  const ids: string[] = []
  for (let index = 0; index < 50; index++) {
    const response = await post(url, { command: `echo ${index}`, config: { index } })
    const task = await response.json() as { id: string }
    t.match([response.status, response.headers.get('location')], [201, `/api/tasks/${task.id}`])
    t.strictSame(JSON.parse(await readFile(join(dir, `${task.id}.json`), 'utf8')), task)
    t.match(await (await fetch(url)).json(), [task], 'the list contains it immediately')
    ids.push(task.id)
  }
  const last = await (await post(url, { command: 'true' })).json() as { id: string }
  await feed.find(({ data }) => data.id === last.id)
  t.strictSame(feed.messages.filter(({ event }) => event === 'task.upsert').map(({ data }) => data.id), [...ids, last.id], 'exactly one upsert each')
  t.match((await stat(join(dir, `${last.id}.json`))).mode & 0o777, 0o640)
})

t.test('creating a task with the id and the fields of an existing task returns that task', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url, app } = await startServer(t, { dir })
  const table: Array<[id: string, first: string, ...same: string[]]> = [
    ['task_1_a', '{"command":"true"}', '{"command":"true"}', '{"command":"true","type":"custom","app":null,"config":""}'],
    ['task_2_b', '{"command":"true","config":{"a":1,"b":[{"c":2,"d":3}]}}', '{"config":{"b":[{"d":3.0,"c":2e0}],"a":1.0},"command":"tr\\u0075e"}'],
    ['task_3_c', '{"command":"true","config":-0,"timeoutMs":5}', '{"command":"true","config":-0,"timeoutMs":5}', '{"command":"true","config":0,"timeoutMs":5.0}'],
    ['task_6_f', '{"command":"true","type":"x","app":"y","config":null}', '{"command":"true","type":"x","app":"y","config":null}']
  ]
  const send = async (id: string, fields: string) => await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: `{"id":"${id}",${fields.slice(1)}` })
  for (const [id, ...bodies] of table) {
    const statuses: number[] = []
    const answers = new Set<string>()
    for (const body of bodies) {
      const response = await send(id, body)
      statuses.push(response.status)
      answers.add(await response.text())
    }
    t.strictSame([statuses, answers.size], [[201, ...bodies.slice(1).map(() => 200)], 1], id)
    t.match(await app.tasks.create(JSON.parse(`{"id":"${id}",${bodies[0]!.slice(1)}`)), { created: false, task: { id } })
  }
  await app.tasks.cancel('task_1_a')
  const finished = await send('task_1_a', '{"command":"true"}')
  t.match([finished.status, await finished.json()], [200, { status: 'cancelled' }], 'also when it has finished')
  t.notOk((await readdir(dir)).some((name) => name.startsWith('.tmp')))
})

t.test('a task of a file that lacks fields, or has others, is the same task with the default values', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'completed', custom: 1, createdAt: undefined })
  const { url } = await startServer(t, { dir })
  t.equal((await post(url, { id: 'task_1_a', command: 'true', type: 'custom' })).status, 200)
})

t.test('creating a task with the id of an existing task and other fields is rejected with their names', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url, app } = await startServer(t, { dir })
  const task = { id: 'task_1_a', command: 'true', type: 'x', app: 'y', config: { a: [1, 2] }, timeoutMs: 5 }
  const first = await (await post(url, task)).text()
  const table: Array<[fields: object, names: string]> = [
    [{ command: 'false' }, 'command'], [{ type: 'custom' }, 'type'], [{ app: null }, 'app'], [{ timeoutMs: 6 }, 'timeoutMs'], [{ timeoutMs: undefined }, 'timeoutMs'],
    [{ config: { a: [2, 1] } }, 'config'], [{ config: { a: [1, 2], b: null } }, 'config'], [{ config: { a: { 0: 1, 1: 2 } } }, 'config'], [{ config: '{"a":[1,2]}' }, 'config'],
    [{ config: undefined }, 'config'], [{ command: 'b', type: undefined, app: 'b', config: 0, timeoutMs: 1 }, 'command, type, app, config, timeoutMs']
  ]
  for (const [fields, names] of table) {
    const response = await post(url, { ...task, ...fields })
    const expected = { statusCode: 409, code: 'FST_TASKS_EXISTS', message: `Task task_1_a exists with another value of ${names}. Use another id, or none, for a new task.` }
    t.match([response.status, await response.json()], [409, expected], JSON.stringify(fields))
    await t.rejects(app.tasks.create({ ...task, ...fields } as never), expected)
  }
  await app.tasks.cancel('task_1_a')
  t.equal((await post(url, { ...task, command: 'false' })).status, 409, 'also when it has finished')
  t.equal((await post(url, task)).status, 200)
  t.equal(JSON.parse(first).command, JSON.parse(await readFile(join(dir, 'task_1_a.json'), 'utf8')).command)
})

t.test('texts that other programs cannot read are rejected, whatever field they are in', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url, app } = await startServer(t, { dir })
  const send = async (body: string | Blob) => {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return [response.status, ((await response.json()) as { message?: string }).message]
  }
  const table: Array<[body: string, field: string]> = [
    ['{"command":"a\\ud800"}', 'command'], ['{"command":"a","type":"\\udc00\\ud800"}', 'type'], ['{"command":"a","app":"\\uDBFFx"}', 'app'],
    ['{"command":"a","config":"\\ud800"}', 'config'], ['{"command":"a","config":[[{"x":{"y":["\\\\\\udfff"]}}]]}', 'config'], ['{"command":"a","config":{"\\ud83d":1}}', 'config'],
    ['{"command":"a","config":[{"b":{"\\ude00\\ud83d":1}}]}', 'config']
  ]
  for (const [body, field] of table) {
    const message = `body/${field} must not contain half of a surrogate pair, which UTF-8 cannot express`
    t.strictSame(await send(body), [400, message], body)
    await t.rejects(app.tasks.create(JSON.parse(body)), { code: 'FST_TASKS_VALIDATION', message: message.replace('body', 'task') })
  }
  for (const body of ['{"command":"a\\u0000"}', '{"command":"a","type":"b\\u0000"}', '{"command":"a","app":"b\\u0000"}']) {
    t.match(await send(body), [400, /^body\/(command|type|app) must be .*without NUL/], body)
  }
  t.strictSame(await send(new Blob([Buffer.from('{"command":"caf\xe9"}', 'latin1')])), [400, 'body must be JSON in UTF-8'])
  t.strictSame(await send(new Blob([Buffer.from('{"command":"\xed\xa0\x80"}', 'latin1')])), [400, 'body must be JSON in UTF-8'])
  t.strictSame(await readdir(dir), [], 'nothing was written')
})

t.test('texts that look similar are accepted, and so is a byte order mark before the body', async (t) => {
  const { url } = await startServer(t, { dir: await temporaryDirectory(t) })
  const config = { '\\ud800': '\\\\udc00', '🙂': ['\u{10ffff}', '\\"\\\\ud83d', '\0', '\ufffd', '\ufeff'] }
  const response = await post(url, { command: 'echo "\\ud800" 🙂', type: 'ü', app: '\u{1f600}', config })
  t.match([response.status, await response.json()], [201, { command: 'echo "\\ud800" 🙂', config }])
  const marked = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '\ufeff{"command":"true"}' })
  t.match([marked.status, await marked.json()], [201, { command: 'true' }])
})

t.test('a command or config that is too long to be passed to a process is rejected with the limit in bytes', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url, app } = await startServer(t, { dir })
  const table: Array<[fields: object, message: string | undefined]> = [
    [{ command: `:${'é'.repeat(65_535)}` }, undefined],
    [{ command: 'é'.repeat(65_536) }, 'body/command must have at most 131071 bytes, the limit of the system for an argument, not 131072'],
    [{ config: 'x'.repeat(131_057) }, undefined],
    [{ config: 'x'.repeat(131_058) }, 'body/config must have at most 131059 bytes as JSON, the limit of the system for a variable, not 131060'],
    [{ config: '"'.repeat(65_529) }, 'body/config must have at most 131059 bytes as JSON, the limit of the system for a variable, not 131060'],
    [{ config: { a: 'x'.repeat(1_000_000) } }, 'body/config must have at most 131059 bytes as JSON, the limit of the system for a variable, not 1000008'],
    [{ command: '\u0001'.repeat(131_071), config: Array.from({ length: 65_529 }, () => 1) }, undefined]
  ]
  for (const [fields, message] of table) {
    const response = await post(url, { command: 'true', ...fields })
    const body = await response.json() as { message?: string }
    t.strictSame([response.status, body.message], message === undefined ? [201, undefined] : [400, message], `${JSON.stringify(fields).slice(0, 20)}…`)
    if (message !== undefined) await t.rejects(app.tasks.create({ command: 'true', ...fields }), { code: 'FST_TASKS_VALIDATION', message: message.replace('body', 'task') })
  }
  t.equal((await readdir(dir)).length, 3)
})

/** 25 tasks, every other one failed, and an older one that has its time in another field. */
async function putTasks (dir: string): Promise<void> {
  for (let index = 0; index < 25; index++) {
    await putTask(dir, `task_${1000 + index}_p`, { createdAt: new Date(1e12 + index).toISOString(), status: index % 2 === 0 ? 'queued' : 'failed' })
  }
  await putTask(dir, 'task_9999999999999_old', { createdAt: undefined, created_at: '2001-01-01T00:00:00Z' })
}

t.test('the list is sorted newest first', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTasks(dir)
  const { url } = await startServer(t, { dir })
  const all = await (await fetch(url)).json() as Array<{ id: string }>
  t.equal(all.length, 26)
  t.strictSame([all[0]!.id, all.at(-1)!.id], ['task_1024_p', 'task_9999999999999_old'])
})

t.test('the pages of the list contain every task once', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTasks(dir)
  const { url } = await startServer(t, { dir })
  const all = await (await fetch(url)).json() as Array<{ id: string }>
  const pages: string[] = []
  let next: string | undefined = `${url}?limit=7&status=queued&status=failed`
  while (next !== undefined) {
    const response: Response = await fetch(next)
    pages.push(...(await response.json() as Array<{ id: string }>).map(({ id }) => id))
    const path = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
    next = path && new URL(path, url).href
  }
  t.strictSame(pages, all.map(({ id }) => id))
})

t.test('the pages of the list contain every remaining task once while tasks are deleted', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTasks(dir)
  const { url } = await startServer(t, { dir })
  const all = await (await fetch(url)).json() as Array<{ id: string }>
  const pages: string[] = []
  let next: string | undefined = '?limit=7'
  while (next !== undefined) {
    const response: Response = await fetch(`${url}${next}`)
    const page = await response.json() as Array<{ id: string }>
    pages.push(...page.map(({ id }) => id))
    t.equal((await fetch(`${url}/${pages.at(-1)}?force=1`, { method: 'DELETE' })).status, 200)
    next = /<(.*)>/.exec(response.headers.get('link') ?? '')?.[1]
  }
  t.strictSame(pages, all.map(({ id }) => id))
})

t.test('the list continues after a task whose id has no time only while it exists', async (t) => {
  const { url } = await startServer(t, { dir: await temporaryDirectory(t) })
  for (const id of ['task_1_a', 'task_2_b']) await post(url, { command: 'true', id })
  t.equal((await fetch(`${url}?before=task_2_b`)).status, 200)
  await fetch(`${url}/task_2_b?force=1`, { method: 'DELETE' })
  const response = await fetch(`${url}?before=task_2_b`)
  t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION', message: /^before: there is no task task_2_b/ }])
})

t.test('a summary of the list has no config and no custom fields', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { config: { big: 'x'.repeat(500_000) }, owner: 'me', timeoutMs: 5 })
  const { url } = await startServer(t, { dir })
  const text = await (await fetch(`${url}?summary=true`)).text()
  t.ok(text.length < 1000)
  t.match(JSON.parse(text), [{ id: 'task_1_a', command: 'true', type: 'custom', timeoutMs: 5 }])
  t.notMatch(text, /config|owner/)
  t.match(await (await fetch(`${url}?summary=false`)).json(), [{ owner: 'me', config: { big: String } }])
})

t.test('a list of many and of large tasks is complete JSON of the announced length', async (t) => {
  const dir = await temporaryDirectory(t)
  for (let index = 0; index < 900; index++) await putTask(dir, `task_${index}_n`, { createdAt: undefined, config: 'x'.repeat(index % 300 === 0 ? 400_000 : 500) })
  const { url } = await startServer(t, { dir })
  const response = await fetch(url)
  const bytes = Buffer.from(await response.arrayBuffer())
  t.equal(Number(response.headers.get('content-length')), bytes.length)
  t.match(response.headers.get('content-type'), /^application\/json/)
  t.strictSame((JSON.parse(bytes.toString()) as Array<{ id: string }>).map(({ id }) => id), Array.from({ length: 900 }, (_, index) => `task_${899 - index}_n`))
  t.equal((await fetch(url, { headers: { 'if-none-match': response.headers.get('etag')! } })).status, 304)
  t.equal((await fetch(url, { method: 'HEAD' })).headers.get('content-length'), String(bytes.length))
})

t.test('a request body that is nested too deeply is rejected', async (t) => {
  const { url } = await startServer(t, { dir: await temporaryDirectory(t) })
  const send = async (levels: number) => await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: `{"command": "true", "config": ${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
  })
  t.equal((await send(100)).status, 201)
  for (const levels of [101, 2400, 200_000]) {
    const response = await send(levels)
    t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION', message: 'body is nested more than 100 levels deep' }], String(levels))
  }
})

const MANY = Array.from({ length: 20_000 }, (_, index) => `"k${index}":0`).join(',')
const LONG = ' '.repeat(70_000)
for (const [title, body, status, code, message] of [
  ['with a config of many values', `{"command":"true","config":{${MANY}}}`, 400, 'FST_TASKS_VALIDATION', 'body/config must have at most 131059 bytes as JSON, the limit of the system for a variable, not 208891'],
  ['with an unknown field', `{"command":"true","k0":0${LONG}}`, 400, 'FST_TASKS_VALIDATION', 'body/k0 is not a known field. The fields are command, type, app, config, timeoutMs, id.'],
  ['with a field of a prototype', `{"command":"true","__proto__":{}${LONG}}`, 400, 'FST_TASKS_VALIDATION', 'body/__proto__ is not a known field. The fields are command, type, app, config, timeoutMs, id.'],
  ['with a prototype in its config', `{"command":"true","config":{"__proto__":{}}${LONG}}`, 400, 'FST_ERR_CTP_INVALID_JSON_BODY', /not valid JSON/],
  ['without a command', `{"config":1${LONG}}`, 400, 'FST_TASKS_VALIDATION', /^body\/command is missing/],
  ['that is an array', `[${LONG}]`, 400, 'FST_TASKS_VALIDATION', 'body must be an object'],
  ['that is not JSON', `{"command":"true"${LONG}`, 400, 'FST_ERR_CTP_INVALID_JSON_BODY', /not valid JSON/],
  ['of white space', LONG, 400, 'FST_ERR_CTP_INVALID_JSON_BODY', /not valid JSON/],
  ['with a number that JavaScript cannot represent', `{"command":"true","config":[12345678901234567890]${LONG}}`, 400, 'FST_TASKS_VALIDATION', 'body must not contain the number 12345678901234567890, which JavaScript cannot represent: write it as a string'],
  ['with a byte order mark', `\uFEFF{"command":"true"${LONG}}`, 201, undefined, undefined],
  ['with escapes', `{"command":"true","config":"${'\\u00e4'.repeat(60_000)}"}`, 201, undefined, undefined],
  ['with escapes in a structure', `{"command":"true","config":["${'\\u00e4'.repeat(60_000)}"]}`, 201, undefined, undefined],
  ['with numbers that become shorter', `{"command":"true","config":[${Array(50_000).fill('1.0').join(',')}]}`, 201, undefined, undefined],
  ['with a long value before a repeated name', `{"command":"true","config":{${MANY}},"config":1}`, 201, undefined, undefined],
  ['with too many fields', `{"command":"true",${'"config":1,'.repeat(10_000)}"config":1}`, 400, 'FST_TASKS_VALIDATION', 'body has more than 1000 fields'],
  ['with a long structure of escapes', `{"command":"true","config":["${'\\u00e4'.repeat(132_000)}"]}`, 400, 'FST_TASKS_VALIDATION', /^body\/config must have at most 131059 bytes/]
] as const) {
  t.test(`a long request body ${title} is answered with ${status}`, async (t) => {
    const { url } = await startServer(t, { dir: await temporaryDirectory(t) })
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    t.match([response.status, await response.json()], [status, code === undefined ? {} : { statusCode: 400, code, message }])
  })
}

t.test('the list can be limited to a status', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTasks(dir)
  const { url } = await startServer(t, { dir })
  t.equal((await (await fetch(`${url}?status=failed`)).json() as unknown[]).length, 12)
})

t.test('the entity tag of the list changes with its tasks', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const etag = (await fetch(url)).headers.get('etag')!
  t.equal((await fetch(url, { headers: { 'if-none-match': etag } })).status, 304)
  await post(url, { command: 'true' })
  t.equal((await fetch(url, { headers: { 'if-none-match': etag } })).status, 200)
})

t.test('a queued task is cancelled and deleted immediately', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await post(url, { command: 'true', id: 'task_1_a' })
  t.match(await (await fetch(`${url}/task_1_a`, { method: 'DELETE' })).json(), { statusCode: 409, code: 'FST_TASKS_ACTIVE' })
  const cancelled = await fetch(`${url}/task_1_a/cancel`, { method: 'POST' })
  t.match([cancelled.status, await cancelled.json()], [200, { status: 'cancelled', errorMessage: 'Cancelled before start.' }])
  t.equal((await fetch(`${url}/task_1_a/cancel`, { method: 'POST' })).status, 409)
  t.strictSame(await (await fetch(`${url}/task_1_a`, { method: 'DELETE' })).json(), { ok: true, forced: false })
  t.strictSame(await readdir(dir), [])
  t.equal((await fetch(`${url}/task_1_a`)).status, 404)
})

t.test('cancelling or deleting a running task leaves a marker for the processor', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_2_b', { status: 'running' })
  const { url } = await startServer(t, { dir })
  await writeFile(join(dir, 'task_2_b.log'), 'x')
  const requested = await fetch(`${url}/task_2_b/cancel`, { method: 'POST' })
  t.match([requested.status, await requested.json()], [202, { ok: true }])
  t.ok((await readdir(dir)).includes('task_2_b.cancel'))
  t.strictSame(await (await fetch(`${url}/task_2_b?force=true`, { method: 'DELETE' })).json(), { ok: true, forced: true })
  t.strictSame(await readdir(dir), ['task_2_b.cancel'], 'the marker stays for the processor')
  t.equal(await readFile(join(dir, 'task_2_b.cancel'), 'utf8'), '{"delete": true}\n')
  // the last write of the processor arrives after the deletion
  await putTask(dir, 'task_2_b', { status: 'completed' })
  await post(url, { command: 'true', id: 'task_3_c' })
  t.match(await (await fetch(url)).json(), [{ id: 'task_3_c' }])
  t.equal((await fetch(`${url}/task_2_b`)).status, 404)
})

t.test('a log is read from a position', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const { url } = await startServer(t, { dir })
  const none = await fetch(`${url}/task_1_a/log`)
  t.match([none.status, none.headers.get('content-type'), await none.text()], [404, 'text/plain; charset=utf-8', ''])
  await writeFile(join(dir, 'task_1_a.log'), Buffer.from([0x30, 0x31, 0xff, 0x33]))
  const log = await fetch(`${url}/task_1_a/log?position=1`)
  t.match([log.status, log.headers.get('x-content-type-options'), log.headers.get('content-length')], [200, 'nosniff', '3'])
  t.strictSame(Buffer.from(await log.arrayBuffer()), Buffer.from([0x31, 0xff, 0x33]))
  t.equal(await (await fetch(`${url}/task_1_a/log?position=4`)).text(), '')
  const beyond = await fetch(`${url}/task_1_a/log?position=5`)
  t.match([beyond.status, beyond.headers.get('content-range'), await beyond.json()], [416, 'bytes */4', { code: 'FST_TASKS_POSITION' }])
  const head = await fetch(`${url}/task_1_a/log`, { method: 'HEAD' })
  t.match([head.status, head.headers.get('content-length'), head.headers.get('etag')], [200, '4', log.headers.get('etag')])
  t.equal((await fetch(`${url}/events`, { method: 'HEAD' })).headers.get('content-type'), 'text/event-stream')
})

t.test('invalid requests are rejected with 4xx and a code, write nothing, and reveal no path', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a')
  const { url } = await startServer(t, { dir })
  const json = { 'content-type': 'application/json' }
  const posts: Array<[string, Record<string, string>?]> = [
    ['{'], ['[]'], ['null'], ['"x"'], ['5'], [''], ['{}'], ['{"command":""}'], ['{"command":"  \\n"}'], ['{"command":5}'], ['{"command":null}'],
    ['{"command":"a\\u0000b"}'], ['{"command":"a","__proto__":{"x":1}}'], ['{"command":"a","config":{"constructor":{"prototype":{}}}}'],
    ['{"command":"a","id":"../../x"}'], ['{"command":"a","id":"task_1_a/b"}'], ['{"command":"a","id":"task_1_"}'], ['{"command":"a","status":"running"}'],
    ['{"command":"a","timeoutMs":-1}'], ['{"command":"a","timeoutMs":1e400}'], [`{"command":"${'x'.repeat(140_000)}"}`],
    [`{"command":"${'x'.repeat(2_000_000)}"}`],
    ['command=a', { 'content-type': 'application/x-www-form-urlencoded' }], ['{"command":"a"}', { 'content-type': 'text/plain' }]
  ]
  for (const [body, headers = json] of posts) {
    const response = await fetch(url, { method: 'POST', headers, body })
    const text = await response.text()
    t.ok(response.status >= 400 && response.status < 500, `${body.slice(0, 60)} → ${response.status} ${text.slice(0, 200)}`)
    const error = JSON.parse(text)
    t.match(error, { statusCode: response.status, code: /^FST_/, error: String, message: String })
    t.notOk(text.includes(dir))
  }
  for (const path of ['task_1_a%2F..%2Fx', '..%2f..%2fetc%2fpasswd', 'task_1_%00', 'task_1_a.json', 'TASK', `task_1_${'a'.repeat(94)}`, 'task_x_y', '%']) {
    for (const [method, rest] of [['GET', ''], ['GET', '/log'], ['POST', '/cancel'], ['DELETE', '?force=1']] as const) {
      const response = await fetch(`${url}/${path}${rest}`, { method })
      t.ok(response.status >= 400 && response.status < 500, `${method} ${path}${rest} → ${response.status}`)
    }
  }
  for (const position of ['-1', '1e3', '0x10', '1.5', 'NaN', '9999999999999999', '', ' 1', '1&position=2']) {
    const response = await fetch(`${url}/task_1_a/log?position=${position}`)
    t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION' }], `position=${position}`)
  }
  for (const query of ['status=done', 'limit=0', 'limit=-1', 'limit=x', 'before=x', 'what=1']) {
    t.match(await (await fetch(`${url}?${query}`)).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION' }, query)
  }
  t.match(await (await fetch(`${url}?status=done`)).json(), { message: 'querystring/status/0 must be one of queued, running, completed, failed, cancelled' })
  t.equal((await fetch(`${url}/task_1_a?force=yes`, { method: 'DELETE' })).status, 400)
  for (const [path, message] of [
    ['?state=queued', 'querystring/state is not a known field. Did you mean status?'],
    ['?page=2', 'querystring/page is not a known field. The fields are status, limit, before, summary.'],
    ['/events?taks=task_1_a', 'querystring/taks is not a known field. Did you mean task?'],
    ['/events?logs=maybe', 'querystring/logs must be one of 0, 1, true, false'],
    ['/task_1_a/log/search', 'querystring/q is missing; it must be a text of 1 to 200 characters on one line']
  ] as const) t.match(await (await fetch(`${url}${path}`)).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION', message }, path)
  for (const [task, message] of [
    [{}, 'body/command is missing; it must be a string that is not blank'],
    [[], 'body must be an object'],
    [{ command: 'true', comand: 'x' }, 'body/comand is not a known field. Did you mean command?'],
    [{ command: 'true', type: '' }, 'body/type must be a string of 1 to 200 characters'],
    [{ command: 'true', app: 5 }, 'body/app must be a string of at most 200 characters, without NUL, or null'],
    [{ command: 'true', timeoutMs: 1.5 }, 'body/timeoutMs must be an integer from 1 to 2147483647, in ms']
  ] as const) t.match(await (await post(url, task)).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION', message }, JSON.stringify(task))
  t.strictSame(await readdir(dir), ['task_1_a.json'], 'nothing was written')
})

t.test('no request takes the server long to validate', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const started = performance.now()
  t.equal((await post(url, { command: 'x', config: ' '.repeat(130_000) })).status, 201)
  t.equal((await post(url, { command: 'x', config: '\\'.repeat(500_000) })).status, 400)
  t.equal((await post(url, { command: `${'a'.repeat(500_000)}\0` })).status, 400)
  t.equal((await post(url, { command: `${' '.repeat(500_000)}` })).status, 400)
  // a quadratic pattern would need minutes
  t.ok(performance.now() - started < 5000)
})

t.test('task fields and event ids cannot inject headers or frames', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a', { evil: 'x\n\nevent: forged\ndata: {}\n\n', 'k\r\nid: 9': '\r\r' })
  const feed = await openFeed(url, `?lastEventId=${encodeURIComponent('x\n\nevent: forged\ndata: {}')}`)
  t.teardown(() => feed.close())
  await feed.find(({ event }) => event === 'ready')
  await putTask(dir, 'task_1_a', { evil: 'x\n\nevent: forged\ndata: {}\n\n', 'k\r\nid: 9': '\r\r', n: 2 })
  const { data } = await feed.find(({ event, data }) => event === 'task.upsert' && data.n === 2)
  t.equal(data.evil, 'x\n\nevent: forged\ndata: {}\n\n')
  t.notOk(feed.messages.some(({ event }) => event === 'forged'))
  const raw = await new Promise<string>((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write('GET /api/tasks/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: a\x01b\r\nConnection: close\r\n\r\n'))
    socket.once('data', (bytes) => { resolve(String(bytes)); socket.destroy() })
  })
  t.match(raw, /^HTTP\/1\.1 [24]00/)
})

t.test('a full disk is reported with 507, and leaves no incomplete file', async (t) => {
  const dir = await temporaryDirectory(t)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]).status !== 0) {
    t.pass('needs a small file system', { skip: 'mount is not permitted' })
    return
  }
  t.teardown(() => execFileSync('umount', ['-l', dir]))
  const { url } = await startServer(t, { dir })
  let created = 0
  let response = await post(url, { command: 'true', config: 'x'.repeat(5000) })
  while (response.status === 201) {
    created++
    response = await post(url, { command: 'true', config: 'x'.repeat(5000) })
  }
  t.match([response.status, await response.json()], [507, { code: 'FST_TASKS_STORAGE_FULL', message: /ENOSPC/ }])
  const names = await readdir(dir)
  t.equal(names.length, created)
  for (const name of names) JSON.parse(await readFile(join(dir, name), 'utf8'))
})
