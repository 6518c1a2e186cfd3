import t from 'tap'
import { initialFormState, reduceForm, type FormAction } from '../../../lib/dashboard/page/form/form-state.ts'
import { submissionOf } from '../../../lib/dashboard/page/form/submission.ts'
import type { TaskType } from '../../../lib/shared/task-types.ts'

const shell: TaskType = { name: 'shell', shell: true }
const deploy: TaskType = { name: 'deploy', title: 'Deploy a site', config: { type: 'object', required: ['tag'], properties: { tag: { type: 'string' }, count: { type: 'integer' } } } }
const submit = (type: TaskType, ...actions: FormAction[]) => submissionOf(actions.reduce(reduceForm, initialFormState([type])))

t.test('a shell task needs a command', async (t) => {
  t.strictSame(submit(shell, { type: 'command-entered', command: ' ' }), { type: 'found-invalid', isCommandMissing: true, fieldErrors: [] })
})

t.test('a shell task has the command as entered', async (t) => {
  t.strictSame(submit(shell, { type: 'command-entered', command: ' ls' }, { type: 'app-entered', app: 'shop' }), { type: 'valid', task: { command: ' ls', type: 'shell', app: 'shop' } })
})

t.test('the command of another type defaults to its title', async (t) => {
  t.strictSame(submit(deploy, { type: 'input-changed', name: 'tag', input: 'v1' }), { type: 'valid', task: { command: 'Deploy a site', type: 'deploy', config: { tag: 'v1' } } })
})

t.test('a config that does not match the schema is invalid', async (t) => {
  t.strictSame(submit(deploy), { type: 'found-invalid', isCommandMissing: false, fieldErrors: [{ name: 'tag', message: 'Required.' }] })
})

t.test('unreadable input is reported before the schema is checked', async (t) => {
  t.strictSame(submit(deploy, { type: 'input-changed', name: 'count', input: 'x' }), { type: 'found-invalid', isCommandMissing: false, fieldErrors: [{ name: 'count', message: 'Enter a number.' }] })
})
