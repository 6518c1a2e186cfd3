import t from 'tap'
import { checkTask } from '../../lib/check/task-rules.ts'
import { ID } from '../protocol/fixtures/task-files.ts'

const TIME = '2024-05-06T07:08:09.123Z'
const COMPLETED = { status: 'completed', completedAt: TIME }

const tasks: Array<[name: string, fields: Record<string, unknown>, findings: string[]]> = [
  ['accepts a task with the required fields', {}, []],
  ['accepts all fields, and unknown ones', { ...COMPLETED, type: 'custom', app: null, config: [{}], createdAt: TIME, startedAt: TIME, heartbeatAt: null, exitCode: 0, errorMessage: null, mine: {} }, []],
  ['accepts an offset of 0 in a time', { createdAt: '2024-05-06T07:08:09+00:00', timeoutMs: 1 }, []],
  ['accepts a running task', { status: 'running', startedAt: TIME, heartbeatAt: TIME }, []],
  ['reports missing required fields', { command: undefined, status: undefined }, ['error it has no command', 'error it has no status']],
  ['reports each field of a wrong type', { command: 5, app: 5 }, ['error its command must be a string, not 5', 'error its app must be a string or null, not 5']],
  ['reports an unknown status', { status: 'paused' }, ['error its status must be one of queued, running, completed, failed, cancelled, not "paused"']],
  ['reports an exitCode that is a string', { ...COMPLETED, exitCode: '1' }, ['error its exitCode must be an integer or null, not "1"']],
  ['reports an exitCode that is not an integer', { ...COMPLETED, exitCode: 1.5 }, ['error its exitCode must be an integer or null, not 1.5']],
  ['reports a timeoutMs of 0', { timeoutMs: 0 }, ['error its timeoutMs must be a positive integer, in ms, not 0']],
  ['shortens a long value', { errorMessage: ['x'.repeat(100)] }, [`error its errorMessage must be a string or null, not ["${'x'.repeat(58)}…`]],
  ['reports a time that is not in UTC', { createdAt: '2024-05-06T07:08:09+02:00' }, ['error its createdAt must be a time in UTC (ISO 8601), not "2024-05-06T07:08:09+02:00"']],
  ['reports a createdAt of null', { createdAt: null }, ['error its createdAt must be a time in UTC (ISO 8601), not null']],
  ['reports a time that is a number', { startedAt: 1714979289 }, ['error its startedAt must be a time in UTC (ISO 8601), or null, not 1714979289']],
  ['reports a month of 13', { createdAt: '2024-13-06T07:08:09Z' }, ['error its createdAt must be a time in UTC (ISO 8601), not "2024-13-06T07:08:09Z"']],
  ['reports a wrong type together with a wrong state', { status: 'failed', app: 5 }, ['error its app must be a string or null, not 5', 'error it is failed, but has no completedAt']],
  ['reports a queued task with results', { completedAt: TIME, exitCode: 0 }, ['error it is queued, but has a completedAt', 'error it is queued, but has an exitCode']],
  ['reports a running task with an exitCode', { status: 'running', exitCode: 0 }, ['error it is running, but has an exitCode']],
  ['reports a failed task without completedAt', { status: 'failed' }, ['error it is failed, but has no completedAt']],
  ['reports a cancelled task with a completedAt of null', { status: 'cancelled', completedAt: null }, ['error it is cancelled, but has no completedAt']],
  ['warns about a startedAt later than the completedAt', { ...COMPLETED, startedAt: '2024-05-06T07:08:10Z' }, ['warning its startedAt is later than its completedAt']]
]

for (const [name, fields, findings] of tasks) {
  t.test(`checkTask() ${name}`, async (t) => {
    const found = checkTask({ id: ID, command: 'true', status: 'queued', ...fields }, true)
    t.strictSame(found.map(({ severity, message }) => `${severity} ${message}`), findings)
  })
}

t.test('checkTask() warns about a running task if no processor is alive', async (t) => {
  const task = { id: ID, command: 'true', status: 'running' }
  t.strictSame(checkTask(task, false), [{ severity: 'warning', message: 'it is running, but no processor is alive' }])
})
