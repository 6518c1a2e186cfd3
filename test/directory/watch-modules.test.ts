import t from 'tap'
import { EventHistory } from '../../lib/directory/event-history.ts'
import { RefreshQueue } from '../../lib/directory/watch/refresh-queue.ts'
import { completeLength } from '../../lib/log/text.ts'
import { parseFileName } from '../../lib/protocol/file-names.ts'
import { isUpTo } from '../../lib/store.ts'
import type { Task } from '../../lib/shared/task-schema.ts'
import { toStoredTask } from '../../lib/shared/stored-task.ts'
import { createTaskId, isTaskId } from '../../lib/shared/task-id.ts'

const task = (id: string, fields: Partial<Task> = {}) => {
  const value = { id, status: 'queued', ...fields } as Task
  return toStoredTask(value, JSON.stringify(value, null, 2))
}

t.test('bytes are cut at character boundaries', async (t) => {
  const euro = [0xe2, 0x82, 0xac]
  const smile = [0xf0, 0x9f, 0x99, 0x82]
  const cases: Array<[number[], number]> = [
    [[], 0], [[0x61], 1], [euro, 3], [euro.slice(0, 1), 0], [euro.slice(0, 2), 0], [smile.slice(0, 3), 0], [smile, 4],
    [[0x61, 0xc3], 1], [[0x61, 0xc3, 0xbc], 3],
    // nothing would complete these
    [[0x80, 0x80, 0x80, 0x80], 4], [[0xff], 1], [[0xc0], 1], [[0xf5, 0x80], 2]
  ]
  for (const [bytes, length] of cases) t.equal(completeLength(Uint8Array.from(bytes)), length, bytes.join(' '))
})

t.test('names', async (t) => {
  t.strictSame(parseFileName('task_1_a.json'), { id: 'task_1_a', kind: 'json' })
  t.strictSame(parseFileName('TASK_1_Z9.cancel'), { id: 'TASK_1_Z9', kind: 'cancel' })
  for (const name of ['.task_1_a.json', 'task_1_a', 'task_1_a.json.tmp', 'task_1_a.txt', 'task__a.json', 'task_1_.log', '../task_1_a.json', '.queue.fifo', '']) {
    t.equal(parseFileName(name), undefined, name)
  }
  const ids = Array.from({ length: 1000 }, () => createTaskId())
  t.equal(new Set(ids).size, 1000)
  t.ok(ids.every(isTaskId))
})

t.test('a task\'s text is its file\'s, on one line', async (t) => {
  const text = '{\r\n  "id": "task_1_a",\n  "n": 12345678901234567890,\n\n  "s": "a\\nb  c"\n}\n'
  const stored = toStoredTask(JSON.parse(text), text)
  t.equal(stored.json, '{"id": "task_1_a","n": 12345678901234567890,"s": "a\\nb  c"}')
  t.equal(toStoredTask({ id: 'task_7_a', created_at: '1970-01-01T00:00:05Z' } as never, '{}').createdAt, 5000)
  t.equal(toStoredTask({ id: 'task_7_a', createdAt: 'soon' } as never, '{}').createdAt, 7)
})

t.test('the ring remembers task events, and of each log its newest size', async (t) => {
  const ring = new EventHistory({ maxEvents: 3 })
  const start = ring.lastEventId
  ring.upsert(task('task_1_a'))
  ring.log('task_1_a', { offset: 0, end: 5, chunk: 'hello' })
  ring.log('task_1_a', { offset: 5, end: 9, chunk: 'moin' })
  const middle = ring.upsert(task('task_2_b')).eventId
  t.strictSame(ring.since(start)!.map(({ type }) => type), ['task.upsert', 'task.log', 'task.upsert'])
  t.match(ring.since(start)![1], { offset: 9, end: 9, chunk: '' })
  t.strictSame(ring.since(ring.lastEventId), [])
  ring.deleted('task_1_a')
  ring.upsert(task('task_3_c'))
  t.equal(ring.since(start), undefined, 'too old')
  t.strictSame(ring.since(middle)!.map(({ type }) => type), ['task.deleted', 'task.upsert'], 'no head of a deleted task')
  ring.log('task_2_b', { offset: 0, end: 0, chunk: '', truncated: true })
  ring.log('task_2_b', { offset: 0, end: 2, chunk: 'hi' })
  t.match(ring.since(middle)!.slice(2), [{ truncated: true, end: 0 }, { offset: 2, end: 2 }])
  for (const id of ['', 'x-1', `${middle}0`, middle.replace('-', '_')]) t.equal(ring.since(id), undefined, id)
  for (let round = 0; round < 100; round++) ring.upsert(task('task_4_d'))
  t.equal(ring.since(middle), undefined)
  t.ok(isUpTo(middle, ring.lastEventId))
  t.notOk(isUpTo(ring.lastEventId, middle))
})

t.test('looks: one at a time for a task, after the last hint, and task files before logs', async (t) => {
  const seen: string[] = []
  let release: () => void = () => {}
  let logsLeft = 1000
  const looks = new RefreshQueue(async (id, parts) => {
    seen.push(`${id} ${[...parts].join('+')}`)
    if (id === 'held') await new Promise<void>((resolve) => { release = resolve })
    return parts.has('log') && logsLeft-- > 0 ? ['log'] : []
  }, { concurrency: 2 })
  looks.mark('held', 'json')
  await new Promise((resolve) => setImmediate(resolve))
  looks.mark('held', 'json')
  looks.mark('held', 'log')
  const again = looks.look('held', ['side'])
  release()
  await new Promise((resolve) => setImmediate(resolve))
  release()
  await again
  t.strictSame(seen.slice(0, 2), ['held json', 'held json+log+side'])

  for (const id of ['a', 'b', 'c']) looks.mark(id, 'log')
  await looks.look('d', ['json'])
  t.ok(logsLeft > 900, 'it did not wait for the logs')
  const closed = looks.close()
  release()
  await closed
  await looks.look('e', ['json'])
  t.notOk(seen.includes('e json'), 'nothing begins after close')
})
