import t from 'tap'
import { anyCommand } from '../../../lib/processor/policy/any-command.ts'
import { taskOf } from './fixtures.ts'

t.test('runs the command of a task of any type in a shell', async (t) => {
  t.strictSame(anyCommand.plan(taskOf({ type: 'whatever', timeoutMs: 5, config: [1] })), {
    shell: 'echo own', type: 'whatever', env: { TASK_ID: 'task_1_a', TASK_TYPE: 'whatever', TASK_APP: '', TASK_CONFIG: '[1]' }, timeoutMs: 5
  })
})

t.test('refuses a task without a command', async (t) => {
  t.match(anyCommand.plan(taskOf({ command: '' })), { refused: 'The command is empty.' })
})

t.test('has no limits for types', async (t) => {
  t.equal(anyCommand.concurrencyOf('custom'), undefined)
})
