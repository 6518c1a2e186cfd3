import Fastify from 'fastify'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import tasksDashboard from 'fastify-tasks/dashboard'
import { encodingFor } from '../../lib/dashboard/assets.ts'
import { contentSecurityPolicy, pageHtml } from '../../lib/dashboard/page-html.ts'
import { atFields, fieldOf, fill, fillFrom, nameOf, valueOf, type JsonSchema } from '../../lib/dashboard/page/form/fields.ts'
import { misfitsOf } from '../../lib/dashboard/page/form/validate.ts'
import { countByStatus, filterTasks, typesOf } from '../../lib/dashboard/page/list/filter.ts'
import { alertsOf } from '../../lib/dashboard/page/health/alerts.ts'
import { firstRows, fromLineStart, lastRows, offsetOfLine, offsetOfLineBefore, piecesOf } from '../../lib/dashboard/page/log/rows.ts'
import { listHash, newHash, parseRoute, taskHash } from '../../lib/dashboard/page/routing/route.ts'
import { TaskTable } from '../../lib/dashboard/page/task-table.ts'
import { formatAge, formatBytes, formatDuration, ranMs, waitedMs } from '../../lib/dashboard/page/ui/time.ts'
import type { Task } from '../../lib/shared/task-schema.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const part = (text: string, offset = 0) => ({ offset, bytes: bytes(text) })
const textOf = ({ offset, bytes }: { offset: number, bytes: Uint8Array }) => [offset, new TextDecoder().decode(bytes)]
const task = (fields: Record<string, unknown>) => ({ id: 'task_1_a', command: 'true', type: 'custom', app: null, status: 'queued', createdAt: '2026-01-01T00:00:00.000Z', ...fields }) as unknown as Task

t.test('parts of a log, by rows', async (t) => {
  t.strictSame(textOf(fromLineStart(part('rest\nline\n', 5))), [10, 'line\n'])
  t.strictSame(textOf(fromLineStart(part('first\nline\n', 0))), [0, 'first\nline\n'], 'the log begins there')
  t.strictSame(textOf(fromLineStart(part('one long line', 5))), [5, 'one long line'])
  t.strictSame(textOf(fromLineStart(part('one long line\n', 5))), [5, 'one long line\n'], 'else nothing would be left')
  t.strictSame(textOf(lastRows(part('a\nb\nc\n', 3), 2, 80)), [5, 'b\nc\n'])
  t.strictSame(textOf(lastRows(part('a\nb\nc', 3), 2, 80)), [5, 'b\nc'])
  t.strictSame(textOf(lastRows(part(`a\n${'b'.repeat(25)}\nc\n`), 3, 10)), [28, 'c\n'], 'a line of three rows and one')
  t.strictSame(textOf(lastRows(part('x'.repeat(100), 7), 2, 10)), [87, 'x'.repeat(20)], 'at least as much as fits in')
  t.strictSame(textOf(lastRows(part('', 7), 2, 10)), [7, ''])
  t.strictSame(textOf(firstRows(part('a\nb\nc\n', 3), 2, 80)), [3, 'a\nb\n'])
  t.strictSame(textOf(firstRows(part('x'.repeat(100), 7), 2, 10)), [7, 'x'.repeat(20)])
  t.equal(offsetOfLine(bytes('ab\n\ncd\n'), 2), 4)
  t.equal(offsetOfLine(bytes('ab\n'), 2), undefined)
  t.strictSame([1, 2, 3, 4].map((lines) => offsetOfLineBefore(bytes('ab\n\ncd\n'), lines)), [4, 3, 0, undefined])
  t.strictSame([1, 2].map((lines) => offsetOfLineBefore(bytes('ab\ncd'), lines)), [3, 0])
  for (const text of ['', 'a', '\n', 'ab\ncd\nef\n', `${'x'.repeat(50)}\n${'y'.repeat(50)}`, 'no end']) {
    const pieces = [...piecesOf(part(text, 9), 4)]
    t.equal(pieces.map(({ bytes }) => new TextDecoder().decode(bytes)).join(''), text, JSON.stringify(text))
    t.ok(pieces.every(({ offset, bytes }, index) => offset === (index === 0 ? 9 : pieces[index - 1]!.offset + pieces[index - 1]!.bytes.length) && bytes.length > 0))
  }
})

t.test('places in the page', async (t) => {
  for (const hash of ['#/', '#/?status=failed', '#/?type=a%26b&q=x+y', '#/tasks/task_1_a', '#/tasks/task_1_a?at=5', '#/new', '#/new?from=task_1_a']) {
    const route = parseRoute(hash)
    const again = route.name === 'list' ? listHash(route.filter) : route.name === 'task' ? taskHash(route.id, route.at) : newHash(route.from)
    t.equal(again, hash)
  }
  for (const hash of ['', '#', '#/tasks/../x', '#/tasks/task_1_a/more', '#/else', '#/?status=paused']) t.strictSame(parseRoute(hash), { name: 'list', filter: {} }, hash)
  t.strictSame(parseRoute('#/tasks/task_1_a?at=-1'), { name: 'task', id: 'task_1_a', at: undefined })
  t.strictSame(parseRoute('#/new?from=<b>'), { name: 'new', from: undefined })
})

t.test('filtering, also of what other programs have written', async (t) => {
  const tasks = [
    task({ id: 'task_1_a', command: 'make Site', status: 'failed', errorMessage: 'Exited with code 3.' }),
    task({ id: 'task_2_b', command: 'ls', type: 'build', app: 'shop' }),
    task({ id: 'task_3_c', command: 5, type: null, app: 7, status: 'paused', createdAt: null }),
    task({ id: 'task_4_d', command: { toString: 1 }, status: { toString: 1 }, type: {}, createdAt: { toString: 1 } })
  ]
  const ids = (filter: Parameters<typeof filterTasks>[1]) => filterTasks(tasks, filter).map(({ id }) => id)
  t.equal(filterTasks(tasks, {}), tasks, 'the same: nothing is to be drawn')
  t.strictSame(ids({ status: 'failed' }), ['task_1_a'])
  t.strictSame(ids({ type: 'build' }), ['task_2_b'])
  t.strictSame(ids({ text: ' SITE  exited ' }), ['task_1_a'])
  t.strictSame(ids({ text: 'shop' }), ['task_2_b'])
  t.strictSame(ids({ text: '5' }), ['task_3_c'])
  t.strictSame(countByStatus(tasks), { queued: 1, running: 0, completed: 0, failed: 1, cancelled: 0 })
  t.strictSame(typesOf(tasks), ['build', 'custom'])
})

t.test('the table of tasks', async (t) => {
  const table = new TaskTable()
  table.replace([task({ id: 'task_1_a' }), task({ id: 'task_2_b', createdAt: '2026-01-02T00:00:00.000Z' })])
  const before = table.list
  t.strictSame(before.map(({ id }) => id), ['task_2_b', 'task_1_a'])
  table.apply([{ type: 'upsert', task: task({ id: 'task_3_c', createdAt: '2026-01-03T00:00:00.000Z' }) }, { type: 'deleted', id: 'task_2_b' }, { type: 'deleted', id: 'task_9_x' }])
  t.strictSame(table.list.map(({ id }) => id), ['task_3_c', 'task_1_a'])
  t.not(table.list, before)
  t.equal(table.get('task_2_b'), undefined)
})

t.test('what people are told of the processor', async (t) => {
  const now = Date.parse('2026-01-01T01:00:00Z')
  const health = (fields: object) => ({ processorAlive: true, problems: [], ...fields }) as unknown as Parameters<typeof alertsOf>[0]
  const absent = { code: 'processor-absent', message: 'No processor runs.' }
  t.strictSame(alertsOf(undefined, [], now), [])
  t.strictSame(alertsOf(health({}), [], now), [])
  t.strictSame(alertsOf(health({ processorAlive: false, problems: [absent] }), [task({})], now), [{ ...absent, serious: true }])
  t.strictSame(alertsOf(health({ problems: [{ code: 'notices-dropped', message: 'x', count: 3 }] }), [], now), [{ code: 'notices-dropped', message: 'x', serious: false }])
  t.match(alertsOf(health({}), [task({})], now), [{ code: 'processor-stuck', serious: true }], 'a task has waited for long')
  t.strictSame(alertsOf(health({}), [task({}), task({ status: 'running' })], now), [], 'for another one')
  t.strictSame(alertsOf(health({}), [task({ createdAt: '2026-01-01T00:59:50Z' })], now), [])
})

t.test('times and sizes', async (t) => {
  t.strictSame([0, 950, 12_345, 185_000, 7_800_000, 356_400_000].map(formatDuration), ['0.0 s', '0.9 s', '12 s', '3 min 5 s', '2 h 10 min', '4 d 3 h'])
  t.strictSame([-5, 6000, 60_000, 7_200_000, 172_800_000].map(formatAge), ['now', '6 s', '1 min', '2 h', '2 d'])
  t.strictSame([0, 1, 1023, 1024, 1_572_864].map(formatBytes), ['0 bytes', '1 byte', '1023 bytes', '1.0 KiB', '1.5 MiB'])
  const times = { createdAt: '2026-01-01T00:00:00Z', startedAt: '2026-01-01T00:00:02Z', completedAt: null, status: 'running' }
  const now = Date.parse('2026-01-01T00:00:05Z')
  t.strictSame([waitedMs(times, now), ranMs(times, now)], [2000, 3000])
  const queued = { ...times, startedAt: null, status: 'queued' }
  t.strictSame([waitedMs(queued, now), ranMs(queued, now)], [5000, undefined])
  t.equal(ranMs({ ...times, status: 'failed' }, now), undefined, 'its end is not known')
  t.equal(ranMs(times, 0), 0, 'another clock')
})

t.test('a schema becomes fields, and these a value', async (t) => {
  const schema: JsonSchema = {
    type: 'object',
    required: ['name', 'on'],
    properties: {
      name: { type: 'string', title: 'Name', default: 'x' },
      size: { type: 'number' },
      on: { type: 'boolean' },
      kind: { enum: ['a', 2, null] },
      tags: { type: 'array', items: { type: 'string' } },
      any: { type: ['string', 'null'] },
      deep: { type: 'object', required: ['a/b'], properties: { 'a/b': { type: 'integer' } } }
    }
  }
  const field = fieldOf(schema)
  if (field.kind !== 'group') return t.fail(field.kind)
  t.strictSame(field.fields.map(({ kind, label, required }) => [kind, label, required]), [
    ['text', 'Name', true], ['number', 'size', false], ['boolean', 'on', true], ['choice', 'kind', false], ['lines', 'tags', false], ['json', 'any', false], ['group', 'deep', false]
  ])
  const empty = fill(field)
  t.strictSame(empty, { name: 'x', size: '', on: false, kind: '', tags: '', any: '', 'deep/a~1b': '' })
  t.strictSame(valueOf(field, empty), { value: { name: 'x', on: false }, misfits: [] }, 'what is empty is left out')
  const value = { name: 'n', size: 1.5, on: true, kind: 2, tags: ['a', 'b'], any: null, deep: { 'a/b': 7 } }
  t.strictSame(valueOf(field, fillFrom(field, value)), { value, misfits: [] })
  t.match(valueOf(field, { ...empty, size: '1x', any: '{' }).misfits, [{ name: 'size', message: 'Enter a number.' }, { name: 'any', message: /^Invalid JSON/ }])
  t.equal(nameOf({ path: ['a~b', 'c/d'] }), 'a~0b/c~1d')
  t.strictSame(fill(fieldOf({ const: 'only' })), { '': '0' }, 'there is nothing to choose')
  const dry = fieldOf({ type: 'object', properties: { dry: { type: 'boolean', default: true } } })
  t.strictSame(valueOf(dry, { ...fill(dry), dry: false }).value, { dry: false }, 'else it would be true')
  t.equal(fieldOf({ type: 'object', properties: { a: null } } as never).kind, 'json', 'one that no field can be made of')
  for (const kept of [undefined, '', {}, { name: 'n' }, value, { on: false }]) t.equal(fieldOf(schema, kept).kind, 'group', JSON.stringify(kept))
  for (const lost of [{ name: 'n', other: 1 }, { deep: { c: 1 } }, { name: 5 }, { tags: ['a\nb'] }, { kind: 'c' }, { size: '1' }, ['a'], 'text', null]) {
    const whole = fieldOf(schema, lost)
    t.strictSame([whole.kind, valueOf(whole, fillFrom(whole, lost)).value], ['json', lost], 'what the fields would lose')
  }
})

t.test('what does not fit is told at its field', async (t) => {
  const schema = { type: 'object', required: ['tag'], properties: { tag: { type: 'string', minLength: 2 }, deep: { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } } } }
  t.strictSame(misfitsOf(schema, { tag: 'ok', deep: { x: 1 } }), [])
  t.strictSame(misfitsOf(schema, {}), [{ name: 'tag', message: 'Required.' }])
  const found = misfitsOf(schema, { tag: 'a', deep: {} })
  t.strictSame(found.map(({ name }) => name).sort(), ['deep/x', 'tag'])
  t.match(misfitsOf({ type: 'object' }, 5), [{ name: '', message: /object/ }])
  const odd = { type: 'object', required: ['a/b'], properties: { names: { type: 'array', items: { type: 'string', pattern: '^a' } }, 'site name': { enum: ['x'] }, größe: { type: 'integer' }, 'a/b': {} } }
  const at = atFields(fieldOf(odd as JsonSchema), misfitsOf(odd, { names: ['bbb'], 'site name': 'y', größe: 'z' }))
  t.strictSame(at.map(({ name }) => name).sort(), ['a~1b', 'größe', 'names', 'site name'])
  t.match(at.find(({ name }) => name === 'names')?.message, /^0: /)
})

t.test('the page\'s HTML and its policy', async (t) => {
  const html = pageHtml({ title: '</title><script>', api: '"><img src=x>', nonce: 'n', entry: { script: 's.js', style: 's.css', worker: 'w.js' } })
  t.notMatch(html, '</title><script>')
  t.notMatch(html, '<img')
  t.match(contentSecurityPolicy({ api: '/api' }), 'connect-src \'self\';')
  t.match(contentSecurityPolicy({ api: 'https://other.example:8443/x' }), 'connect-src \'self\' https://other.example:8443;')
})

t.test('which encoding a client takes', async (t) => {
  for (const [header, encoding] of [
    ['gzip, deflate, br', 'br'], ['gzip;q=1.0, br;q=0', 'gzip'], ['GZIP', 'gzip'], ['identity', 'identity'], ['', 'identity'], ['br;q=0.000,gzip;q=0', 'identity'], [undefined, 'identity']
  ] as const) t.equal(encodingFor(header), encoding, String(header))
})

t.test('its files, and wrong options', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksDashboard, { prefix: '/page' })
  const { body, headers } = await app.inject('/page/')
  t.match(headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' })
  t.match(await app.inject('/page?x=1'), { statusCode: 308, headers: { location: './page/?x=1' } })
  const [, script = ''] = /src="(assets\/main-\w+\.js)"/.exec(body) ?? []
  const plain = await app.inject(`/page/${script}`)
  t.match(plain.headers, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': /immutable/, vary: 'accept-encoding' })
  for (const [encoding, unpack] of [['br', brotliDecompressSync], ['gzip', gunzipSync]] as const) {
    const packed = await app.inject({ url: `/page/${script}`, headers: { 'accept-encoding': encoding } })
    t.equal(packed.headers['content-encoding'], encoding)
    t.ok(unpack(packed.rawPayload).equals(plain.rawPayload))
  }
  t.match((await app.inject('/page/assets/licenses.txt')).body, /preact .*MIT/)
  for (const name of ['entry.json', 'nothing.js', '..%2Findex.js', '%2e%2e/index.js', 'main.js.br']) t.equal((await app.inject(`/page/assets/${name}`)).statusCode, 404, name)
  const wrong = Fastify()
  t.teardown(() => wrong.close())
  await t.rejects(async () => await wrong.register(tasksDashboard, { api: 'javascript:alert(1)' }), { code: 'FST_TASKS_DASHBOARD_OPTIONS' })
})
