import t from 'tap'
import { toStoredTask } from '../../lib/shared/stored-task.ts'

t.test('the JSON of a stored task is the text of its file without line breaks', async (t) => {
  const text = '{\r\n  "id": "task_1_a",\n  "n": 12345678901234567890,\n\n  "s": "a\\nb  c"\n}\n'
  const stored = toStoredTask(JSON.parse(text), text)
  t.equal(stored.json, '{"id": "task_1_a","n": 12345678901234567890,"s": "a\\nb  c"}')
})

t.test('the creation time of a stored task is its field, or else the time in its id', async (t) => {
  t.equal(toStoredTask({ id: 'task_7_a', created_at: '1970-01-01T00:00:05Z' } as never, '{}').createdAt, 5000)
  t.equal(toStoredTask({ id: 'task_7_a', createdAt: 'soon' } as never, '{}').createdAt, 7)
})
