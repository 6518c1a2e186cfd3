import t from 'tap'
import { alertsOf } from '../../../lib/dashboard/page/health/alerts.ts'
import { task } from './task.ts'

const now = Date.parse('2026-01-01T01:00:00Z')
const health = (fields: object) => ({ processorAlive: true, problems: [], ...fields }) as unknown as Parameters<typeof alertsOf>[0]

t.test('without health or problems, there are no alerts', async (t) => {
  t.strictSame(alertsOf(undefined, [], now), [])
  t.strictSame(alertsOf(health({}), [], now), [])
})

t.test('a problem becomes an alert, which is serious if tasks cannot run', async (t) => {
  const absent = { code: 'processor-absent', message: 'No processor is running.', serious: true }
  t.strictSame(alertsOf(health({ processorAlive: false, problems: [absent] }), [task({})], now), [absent])
  t.strictSame(alertsOf(health({ problems: [{ code: 'notices-dropped', message: 'x', count: 3 }] }), [], now), [{ code: 'notices-dropped', message: 'x', serious: false }])
})

t.test('a task that is queued for long while no task is running causes an alert', async (t) => {
  t.match(alertsOf(health({}), [task({})], now), [{ code: 'processor-stuck', serious: true }])
})

t.test('a queued task causes no alert while another task is running, or if it is new', async (t) => {
  t.strictSame(alertsOf(health({}), [task({}), task({ status: 'running' })], now), [])
  t.strictSame(alertsOf(health({}), [task({ createdAt: '2026-01-01T00:59:50Z' })], now), [])
})
