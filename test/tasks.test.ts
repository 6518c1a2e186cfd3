import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { tasksPlugin, type LogRange, type Tasks } from '../lib/index.ts'
import { putTask, temporaryDirectory } from './helpers.ts'

const ID = 'task_1_a'

/** `fastify.tasks` of a host with one running task, which may have a log. */
async function startHost (t: Test, log?: string): Promise<{ tasks: Tasks, dir: string }> {
  const dir = await temporaryDirectory(t)
  await putTask(dir, ID, { status: 'running' })
  if (log !== undefined) await writeFile(join(dir, `${ID}.log`), log)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  return { tasks: app.tasks, dir }
}

async function read (log: LogRange | undefined): Promise<unknown> {
  return log && { start: log.start, end: log.end, size: log.size, text: await text(log.body) }
}

t.test('create() returns the plain task and whether it is new', async (t) => {
  const { tasks } = await startHost(t)
  const { task, created } = await tasks.create({ command: 'true', id: 'task_2_b' })
  t.match([task.id, task.command, task.status, created], ['task_2_b', 'true', 'queued', true])
  t.notOk('json' in task, 'the JSON text stays inside the store')
  t.match(await tasks.create({ command: 'true', id: 'task_2_b' }), { task: { command: 'true' }, created: false })
  await t.rejects(tasks.create({ command: 'false', id: 'task_2_b' }), { code: 'FST_TASKS_EXISTS', statusCode: 409 })
})

t.test('get() returns the plain task, or undefined', async (t) => {
  const { tasks } = await startHost(t)
  t.match(await tasks.get(ID), { id: ID, command: 'true', status: 'running' })
  t.equal(await tasks.get('task_9_none'), undefined)
  t.equal(await tasks.get('../x'), undefined)
})

t.test('list() returns plain tasks, the next page and the position of the feed', async (t) => {
  const { tasks } = await startHost(t)
  await tasks.create({ command: 'true', id: 'task_2_b' })
  t.match(await tasks.list({ limit: 1 }), { tasks: [{ id: 'task_2_b', command: 'true' }], next: /^\d+-task_2_b$/, lastEventId: /^\w+-\d+$/ })
  const last = await tasks.list({ before: 'task_2_b' })
  t.match(last.tasks, [{ id: ID }])
  t.notOk('next' in last)
  t.match((await tasks.list({ status: ['running'] })).tasks, [{ id: ID }])
})

t.test('cancel() returns the plain task and the outcome', async (t) => {
  const { tasks } = await startHost(t)
  await tasks.create({ command: 'true', id: 'task_2_b' })
  t.match(await tasks.cancel('task_2_b'), { outcome: 'cancelled', task: { status: 'cancelled' } })
  t.match(await tasks.cancel(ID), { outcome: 'requested', task: { status: 'running' } })
})

t.test('delete() deletes an active task only by force', async (t) => {
  const { tasks } = await startHost(t)
  await t.rejects(tasks.delete(ID), { code: 'FST_TASKS_ACTIVE' })
  await tasks.delete(ID, { force: true })
  t.equal(await tasks.get(ID), undefined)
})

t.test('task.upsert events hold the plain task', async (t) => {
  const { tasks } = await startHost(t)
  const emitted = once(tasks, 'task.upsert')
  await tasks.create({ command: 'true', id: 'task_2_b' })
  t.match(await emitted, [{ type: 'task.upsert', eventId: /^\w+-\d+$/, task: { id: 'task_2_b', command: 'true' } }])
})

t.test('readLog() reads the log, a range of it, or its last lines', async (t) => {
  const { tasks } = await startHost(t, 'one\ntwo\nthree\n')
  t.strictSame(await read(await tasks.readLog(ID)), { start: 0, end: 14, size: 14, text: 'one\ntwo\nthree\n' })
  t.strictSame(await read(await tasks.readLog(ID, { start: 4, end: 7 })), { start: 4, end: 7, size: 14, text: 'two' })
  t.strictSame(await read(await tasks.readLog(ID, { start: 8, end: 99 })), { start: 8, end: 14, size: 14, text: 'three\n' })
  t.strictSame(await read(await tasks.readLog(ID, { tail: 2 })), { start: 4, end: 14, size: 14, text: 'two\nthree\n' })
  t.strictSame(await read(await tasks.readLog(ID, { tail: 0 })), { start: 14, end: 14, size: 14, text: '' })
  t.match((await tasks.readLog(ID, { end: 0 }))?.etag, /^"[^"]+"$/)
})

t.test('readLog() past the end of the log returns no bytes', async (t) => {
  const { tasks } = await startHost(t, 'one\n')
  t.strictSame(await read(await tasks.readLog(ID, { start: 9 })), { start: 4, end: 4, size: 4, text: '' })
  t.strictSame(await read(await tasks.readLog(ID, { start: 3, end: 2 })), { start: 3, end: 3, size: 4, text: '' })
})

t.test('readLog() returns undefined if there is no log', async (t) => {
  const { tasks } = await startHost(t)
  for (const id of [ID, 'task_9_none', '../../../etc/passwd']) {
    t.equal(await tasks.readLog(id), undefined, id)
    t.equal(await tasks.readLog(id, { tail: 1 }), undefined, `${id}, last line`)
  }
})

t.test('searchLog() returns matching lines from the end, and where to continue', async (t) => {
  const { tasks } = await startHost(t, 'error 1\nfine\nERROR 2\nerror 3\n')
  t.strictSame(await tasks.searchLog(ID, 'error'), {
    matches: [{ offset: 21, line: 'error 3' }, { offset: 13, line: 'ERROR 2' }, { offset: 0, line: 'error 1' }], next: null
  })
  const page = await tasks.searchLog(ID, 'error', { limit: 2 })
  t.strictSame([page.matches.length, page.next], [2, 13])
  t.strictSame(await tasks.searchLog(ID, 'error', { before: 13, limit: 2 }), { matches: [{ offset: 0, line: 'error 1' }], next: null })
})

t.test('searchLog() finds nothing without a log, and rejects if there is no task', async (t) => {
  const { tasks } = await startHost(t)
  t.strictSame(await tasks.searchLog(ID, 'x'), { matches: [], next: null })
  await t.rejects(tasks.searchLog('task_9_none', 'x'), { code: 'FST_TASKS_NOT_FOUND' })
})

t.test('searchLog() returns where to continue if its signal has aborted', async (t) => {
  const { tasks } = await startHost(t, `${'x'.repeat(512 * 1024)}\n`)
  const { matches, next } = await tasks.searchLog(ID, 'y', { signal: AbortSignal.abort() })
  t.strictSame(matches, [])
  t.ok(next !== null && next > 0, `next is ${next}`)
})

t.test('invalid options are rejected with the name and the value', async (t) => {
  const { tasks } = await startHost(t, 'one\n')
  const circular: { self?: object } = {}
  circular.self = circular
  const nested = (levels: number): unknown => {
    let value: unknown = 1
    for (let level = 0; level < levels; level++) value = [value]
    return value
  }
  const calls: Array<[label: string, call: () => unknown, message: RegExp]> = [
    ['a blank command', () => tasks.create({ command: ' ' }), /^task\/command must be a string/],
    ['a function as a config', () => tasks.create({ command: 'true', config: () => {} }), /^task\/config must be any JSON value, not a function$/],
    ['a malformed id', () => tasks.create({ command: 'true', id: '../../etc' }), /^task\/id must be a task id/],
    ['an unknown status', () => tasks.list({ status: ['done' as never] }), /^status must be an array of queued, .*, not \[ 'done' \]$/],
    ['a status without an array', () => tasks.list({ status: 'failed' as never }), /^status must be an array/],
    ['a limit of 0', () => tasks.list({ limit: 0 }), /^limit must be a positive integer, not 0$/],
    ['a before that is no text', () => tasks.list({ before: 5 as never }), /^before must be the `next` of another page, or a task id, not 5$/],
    ['a before that is no place', () => tasks.list({ before: 'x' }), /^before: there is no task x, and its place in the list is unknown\./],
    ['a circular config', () => tasks.create({ command: 'true', config: circular }), /^task cannot be written as JSON: Converting circular/],
    ['a config with a BigInt', () => tasks.create({ command: 'true', config: 1n }), /^task cannot be written as JSON: .*BigInt/],
    ['a config of 100 levels', () => tasks.create({ command: 'true', config: nested(100) }), /^task is nested more than 100 levels deep$/],
    ['a config of 100,000 levels', () => tasks.create({ command: 'true', config: nested(100_000) }), /^task cannot be written as JSON: Maximum call stack/],
    ['a negative start', () => tasks.readLog(ID, { start: -1 }), /^start must be a byte offset \(an integer, at least 0\), not -1$/],
    ['a fractional end', () => tasks.readLog(ID, { end: 1.5 }), /^end must be .*, not 1\.5$/],
    ['a start that is no number', () => tasks.readLog(ID, { start: NaN }), /^start must be .*, not NaN$/],
    ['a text as a start', () => tasks.readLog(ID, { start: '1' as never }), /^start must be .*, not '1'$/],
    ['a negative tail', () => tasks.readLog(ID, { tail: -1 }), /^tail must be a number of lines .*, not -1$/],
    ['tail and start', () => tasks.readLog(ID, { tail: 1, start: 0 }), /^tail excludes start and end/],
    ['half of a surrogate pair', () => tasks.searchLog(ID, 'a\ud800'), /^text must be 1 to 200 characters/],
    ['an empty text', () => tasks.searchLog(ID, ''), /^text must be 1 to 200 characters on one line, not ''$/],
    ['a text of two lines', () => tasks.searchLog(ID, 'a\nb'), /^text must be/],
    ['a text of 201 characters', () => tasks.searchLog(ID, 'x'.repeat(201)), /^text must be/],
    ['a limit of 1001', () => tasks.searchLog(ID, 'x', { limit: 1001 }), /^limit must be an integer from 1 to 1000, not 1001$/],
    ['a negative before', () => tasks.searchLog(ID, 'x', { before: -1 }), /^before must be a byte offset/],
    ['a negative position', () => tasks.followLog(ID, { position: -1 }), /^position must be a byte offset/],
    ['a force that is no boolean', () => tasks.delete(ID, { force: 'no' as never }), /^force must be a boolean, not 'no'$/],
    ['a signal that is none', () => tasks.searchLog(ID, 'x', { signal: true as never }), /^signal must be an AbortSignal, not true$/],
    ['a signal that is none', () => tasks.followLog(ID, { signal: {} as never }), /^signal must be an AbortSignal, not \{\}$/],
    ['options that are no object', () => tasks.list('queued' as never), /^options must be an object, not 'queued'$/],
    ['null as options', () => tasks.delete(ID, null as never), /^options must be an object, not null$/],
    ['an unknown option of list', () => tasks.list({ state: ['queued'] } as never), /^state is not an option. Did you mean status\?$/],
    ['an unknown option of delete', () => tasks.delete(ID, { forced: true } as never), /^forced is not an option. Did you mean force\?$/],
    ['an unknown option of readLog', () => tasks.readLog(ID, { position: 1 } as never), /^position is not an option. The options are start, end, tail.$/],
    ['an unknown option of searchLog', () => tasks.searchLog(ID, 'x', { limits: 1 } as never), /^limits is not an option. Did you mean limit\?$/],
    ['an unknown option of followLog', () => tasks.followLog(ID, { start: 1 } as never), /^start is not an option. The options are position, signal.$/],
    ['an unknown field of a task', () => tasks.create({ command: 'true', timeout: 5 } as never), /^task\/timeout is not a known field. Did you mean timeoutMs\?$/]
  ]
  for (const [label, call, message] of calls) {
    await t.rejects(async () => { await call() }, { code: 'FST_TASKS_VALIDATION', statusCode: 400, message }, label)
  }
})
