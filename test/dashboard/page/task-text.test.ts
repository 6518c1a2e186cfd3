import t from 'tap'
import { taskText } from '../../../lib/dashboard/page/feed/task-text.ts'
import { nested } from './nested.ts'
import { task } from './task.ts'

t.test('the text of a task is its JSON', async (t) => {
  t.equal(taskText(task({ command: nested(2400), timeoutMs: undefined })), JSON.stringify(task({ command: nested(2400) })))
})

t.test('a field that is nested too deeply for the browser is replaced, and the others are not', async (t) => {
  t.match(JSON.parse(taskText(task({ command: nested(1_000_000) }))), { id: 'task_1_a', status: 'queued', command: '(nested too deeply to be shown)' })
})
