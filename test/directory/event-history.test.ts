import t from 'tap'
import { EventHistory } from '../../lib/directory/event-history.ts'
import { toStoredTask } from '../../lib/shared/complete-task.ts'
import type { StoredTask } from '../../lib/shared/stored-task.ts'
import { isUpTo } from '../../lib/store.ts'

function task (id: string): StoredTask {
  return toStoredTask(JSON.stringify({ id, status: 'queued' }))
}

t.test('since returns task events in order, and of each log its newest size', async (t) => {
  const history = new EventHistory()
  const start = history.lastEventId
  history.upsert(task('task_1_a'))
  history.log('task_1_a', { offset: 0, end: 5, chunk: 'hello' })
  history.log('task_1_a', { offset: 5, end: 9, chunk: 'moin' })
  history.upsert(task('task_2_b'))
  t.strictSame(history.since(start)!.map(({ type }) => type), ['task.upsert', 'task.log', 'task.upsert'])
  t.match(history.since(start)![1], { offset: 9, end: 9, chunk: '' })
})

t.test('since the last event id returns no events', async (t) => {
  const history = new EventHistory()
  history.upsert(task('task_1_a'))
  t.strictSame(history.since(history.lastEventId), [])
})

t.test('since returns no size update of a deleted task', async (t) => {
  const history = new EventHistory()
  history.log('task_1_a', { offset: 0, end: 5, chunk: 'hello' })
  const { eventId } = history.upsert(task('task_2_b'))
  history.log('task_1_a', { offset: 5, end: 9, chunk: 'moin' })
  history.deleted('task_1_a')
  history.upsert(task('task_3_c'))
  t.strictSame(history.since(eventId)!.map(({ type }) => type), ['task.deleted', 'task.upsert'])
})

t.test('since returns the last truncation of a log before its size', async (t) => {
  const history = new EventHistory()
  const { eventId } = history.upsert(task('task_2_b'))
  history.log('task_2_b', { offset: 0, end: 0, chunk: '', truncated: true })
  history.log('task_2_b', { offset: 0, end: 2, chunk: 'hi' })
  t.match(history.since(eventId), [{ truncated: true, end: 0 }, { offset: 2, end: 2 }])
})

t.test('since returns undefined for ids older than the last maxEvents task events', async (t) => {
  const history = new EventHistory({ maxEvents: 3 })
  const start = history.lastEventId
  const first = history.upsert(task('task_1_a')).eventId
  history.upsert(task('task_2_b'))
  history.deleted('task_1_a')
  t.equal(history.since(start)!.length, 3)
  history.upsert(task('task_3_c'))
  t.equal(history.since(start), undefined)
  t.equal(history.since(first)!.length, 3)
  for (let round = 0; round < 100; round++) history.upsert(task('task_4_d'))
  t.equal(history.since(first), undefined)
})

t.test('since returns undefined for ids older than the last maxBytes of task events', async (t) => {
  const history = new EventHistory({ maxBytes: 2 * task('task_1_a').json.length })
  const start = history.lastEventId
  for (const id of ['task_1_a', 'task_2_b']) history.upsert(task(id))
  t.equal(history.since(start)!.length, 2)
  history.upsert(task('task_3_c'))
  t.equal(history.since(start), undefined)
})

t.test('since returns undefined for malformed, foreign and future ids', async (t) => {
  const history = new EventHistory()
  const { eventId } = history.upsert(task('task_1_a'))
  for (const id of ['', 'x-1', `${eventId}0`, eventId.replace('-', '_')]) t.equal(history.since(id), undefined, id)
})

t.test('event ids increase', async (t) => {
  const history = new EventHistory()
  const { eventId } = history.upsert(task('task_1_a'))
  history.upsert(task('task_2_b'))
  t.ok(isUpTo(eventId, history.lastEventId))
  t.notOk(isUpTo(history.lastEventId, eventId))
})
