import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import { summarize, toStoredTask } from '../../lib/shared/complete-task.ts'
import { TaskSchema } from '../../lib/shared/task-schema.ts'

const COMPLETE = {
  id: 'task_1700000000000_a',
  command: 'true',
  type: 'deploy',
  app: null,
  config: {},
  status: 'queued',
  createdAt: '2026-01-02T03:04:05.678Z',
  startedAt: null,
  completedAt: null,
  heartbeatAt: null,
  exitCode: null,
  errorMessage: null
}

function completed (fields: object): object {
  return toStoredTask(JSON.stringify({ id: 'task_1700000000000_a', ...fields })).parse()
}

t.test('a complete task is not changed', async (t) => {
  const json = JSON.stringify({ ...COMPLETE, owner: { a: 1 } })
  t.equal(Buffer.from(toStoredTask(json).json).toString(), json)
})

t.test('missing fields get their default values', async (t) => {
  t.strictSame(completed({ command: 'true', status: 'queued' }), {
    ...COMPLETE, type: 'custom', config: '', createdAt: '2023-11-14T22:13:20.000Z'
  })
  t.match(completed({}), { command: '', status: 'unknown' })
})

for (const [name, value, expected] of [
  ['command', 7, ''],
  ['type', ['a'], 'custom'],
  ['type', 'x'.repeat(3000), 'x'.repeat(3000)],
  ['app', { a: 1 }, null],
  ['status', null, 'unknown'],
  ['status', 'paused', 'paused'],
  ['createdAt', 'soon', '2023-11-14T22:13:20.000Z'],
  ['createdAt', '2026-01-01T01:00:00+02:00', '2025-12-31T23:00:00.000Z'],
  ['createdAt', '-000001-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ['startedAt', '2026-01-01T01:00:00+02:00', '2025-12-31T23:00:00.000Z'],
  ['startedAt', 5, null],
  ['exitCode', '1', null],
  ['exitCode', 1.5, null],
  ['exitCode', -1, -1],
  ['errorMessage', [], null],
  ['timeoutMs', 0, undefined],
  ['timeoutMs', '5', undefined],
  ['timeoutMs', 5, 5]
] as const) {
  t.test(`${name} ${JSON.stringify(value).slice(0, 40)} becomes ${JSON.stringify(expected)?.slice(0, 40)}`, async (t) => {
    const task = completed({ ...COMPLETE, [name]: value, other: [value] })
    t.strictSame(task, { ...COMPLETE, ...(expected === undefined ? {} : { [name]: expected }), other: [value] })
    if (!['unknown', 'paused'].includes(expected as string)) t.strictSame([...Value.Errors(TaskSchema, task)], [])
  })
}

t.test('an id whose number is not a time gives a time before the year 10000', async (t) => {
  const task = (id: string) => toStoredTask(JSON.stringify({ id })).parse().createdAt
  t.equal(task('task_1_a'), '1970-01-01T00:00:00.001Z')
  t.equal(task(`task_${'9'.repeat(80)}_a`), '9999-12-31T23:59:59.999Z')
})

t.test('a summary has the known fields except config', async (t) => {
  const task = toStoredTask(JSON.stringify({ ...COMPLETE, timeoutMs: 5, owner: 'x', config: [1] }))
  const before = Buffer.from(task.json)
  const { config, ...rest } = COMPLETE
  t.strictSame(JSON.parse(Buffer.from(summarize(task)).toString()), { ...rest, timeoutMs: 5 })
  t.ok(before.equals(task.json), 'the text of the task is not changed')
})
