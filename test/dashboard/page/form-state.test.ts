import t from 'tap'
import { initialFormState, reduceForm, type FormAction, type FormState } from '../../../lib/dashboard/page/form/form-state.ts'
import type { TaskType } from '../../../lib/shared/task-types.ts'
import { task } from './task.ts'

const shell: TaskType = { name: 'shell', shell: true }
const deploy: TaskType = { name: 'deploy', config: { type: 'object', properties: { tag: { type: 'string', default: 'v1' } } } }
const types = [shell, deploy]
const reduce = (state: FormState, ...actions: FormAction[]) => actions.reduce(reduceForm, state)

t.test('an empty form starts with the first type', async (t) => {
  t.match(initialFormState(types), { phase: 'editing', typeName: 'shell', field: undefined, command: '', app: '', inputs: {}, fieldErrors: [] })
})

t.test('a template fills in the form', async (t) => {
  const template = task({ type: 'deploy', command: 'Deploy', app: 'shop', config: { tag: 'v2' } })
  t.match(initialFormState(types, template), { typeName: 'deploy', command: 'Deploy', app: 'shop', inputs: { tag: 'v2' } })
})

t.test('a template of an unknown type starts with the first type', async (t) => {
  t.equal(initialFormState(types, task({ type: 'gone' })).taskType, shell)
})

const invalid: FormAction = { type: 'found-invalid', isCommandMissing: true, fieldErrors: [{ name: 'tag', message: 'Required.' }] }
const noErrors = { isCommandMissing: false, fieldErrors: [], requestError: undefined }

for (const [name, actions, expected] of [
  ['entering a command changes it', [{ type: 'command-entered', command: 'ls' }], { command: 'ls' }],
  ['entering an app changes it', [{ type: 'app-entered', app: 'shop' }], { app: 'shop' }],
  ['selecting a type shows the defaults of its config', [{ type: 'type-selected', name: 'deploy' }], { taskType: deploy, inputs: { tag: 'v1' } }],
  ['selecting a type keeps the command', [{ type: 'command-entered', command: 'ls' }, { type: 'type-selected', name: 'deploy' }], { command: 'ls' }],
  ['selecting a type clears the errors at fields', [invalid, { type: 'type-selected', name: 'deploy' }], { isCommandMissing: false, fieldErrors: [] }],
  ['changing an input keeps the other inputs', [{ type: 'input-changed', name: 'a', input: 'x' }, { type: 'input-changed', name: 'b', input: true }], { inputs: { a: 'x', b: true } }],
  ['invalid input is shown at its fields', [invalid], { phase: 'editing', isCommandMissing: true, fieldErrors: [{ name: 'tag' }] }],
  ['sending clears the errors', [invalid, { type: 'sent' }], { phase: 'sending', ...noErrors }],
  ['a created task ends the sending', [{ type: 'sent' }, { type: 'created' }], { phase: 'editing', ...noErrors }],
  ['a failed request is shown, and the form can be edited', [{ type: 'sent' }, { type: 'request-failed', message: 'No.' }], { phase: 'editing', requestError: 'No.' }],
  ['invalid input clears the error of the last request', [{ type: 'request-failed', message: 'No.' }, invalid], { requestError: undefined }]
] as ReadonlyArray<readonly [string, readonly FormAction[], object]>) {
  t.test(name, async (t) => {
    t.match(reduce(initialFormState(types), ...actions), expected)
  })
}

t.test('unchanged types keep the inputs', async (t) => {
  const state = reduce(initialFormState([deploy]), { type: 'input-changed', name: 'tag', input: 'typed' }, { type: 'types-changed', types: [deploy, shell] })
  t.match(state, { inputs: { tag: 'typed' }, types: [deploy, shell] })
})

t.test('a changed type starts with its defaults', async (t) => {
  const state = reduce(initialFormState([deploy]), { type: 'input-changed', name: 'tag', input: 'typed' }, { type: 'types-changed', types: [{ ...deploy }] })
  t.strictSame(state.inputs, { tag: 'v1' })
})

t.test('a withdrawn type is replaced by the first one until it is published again', async (t) => {
  const withdrawn = reduce(initialFormState(types), { type: 'type-selected', name: 'deploy' }, { type: 'types-changed', types: [shell] })
  t.equal(withdrawn.taskType, shell)
  t.equal(reduce(withdrawn, { type: 'types-changed', types }).taskType, deploy)
})
