import t from 'tap'
import { JsonText } from '../../lib/shared/json-text.ts'
import { StoredTask } from '../../lib/shared/stored-task.ts'

function stored (text: string): StoredTask {
  return new StoredTask(JsonText.compact(Buffer.from(text)))
}

t.test('the JSON of a stored task is the text of its file on one line', async (t) => {
  const task = stored('{\r\n  "id": "task_1_a",\n  "n": 12345678901234567890,\n\n  "s": "a\\nb  c"\n}\n')
  t.equal(Buffer.from(task.json).toString(), '{"id":"task_1_a","n":12345678901234567890,"s":"a\\nb  c"}')
})

t.test('the creation time of a stored task is its field, or else the time in its id', async (t) => {
  t.equal(stored('{"id": "task_7_a", "created_at": "1970-01-01T00:00:05Z"}').createdAt, 5000)
  t.equal(stored('{"id": "task_7_a", "createdAt": "soon"}').createdAt, 7)
})

t.test('an unknown status of a stored task is undefined', async (t) => {
  t.equal(stored('{"id": "task_7_a", "status": "queued"}').status, 'queued')
  for (const status of ['"paused"', '7', '["queued"]', 'null']) t.equal(stored(`{"id": "task_7_a", "status": ${status}}`).status, undefined, status)
})

t.test('each parse of a stored task returns a new object', async (t) => {
  const task = stored('{"id": "task_7_a", "config": {"a": 1}}')
  t.not(task.parse(), task.parse())
  t.strictSame(task.parse(), { id: 'task_7_a', config: { a: 1 } })
})
