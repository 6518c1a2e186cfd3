import type { Task, TaskType } from '../../../client/index.ts'
import { textOf } from '../ui/text.ts'
import { fieldForValue } from './field-for-value.ts'
import type { Field } from './fields.ts'
import { defaultInputs, inputsFor, type FieldError, type Inputs } from './values.ts'

/** The task whose fields fill in the form. */
export type FormTemplate = Pick<Task, 'command' | 'type' | 'app' | 'config'>

export interface FormState {
  /** While `sending`, the form cannot be submitted again. */
  readonly phase: 'editing' | 'sending'
  readonly template: FormTemplate | undefined
  /** Not empty. */
  readonly types: readonly TaskType[]
  /** Name of the selected type. The processor may withdraw a type; the form then shows the first one. */
  readonly typeName: string
  readonly taskType: TaskType
  /** Fields of the config; undefined for a type without a config schema. */
  readonly field: Field | undefined
  readonly command: string
  readonly app: string
  readonly inputs: Inputs
  readonly isCommandMissing: boolean
  readonly fieldErrors: readonly FieldError[]
  /** Why the task could not be created. */
  readonly requestError: string | undefined
}

export type FormAction =
  | { readonly type: 'types-changed', readonly types: readonly TaskType[] }
  | { readonly type: 'type-selected', readonly name: string }
  | { readonly type: 'command-entered', readonly command: string }
  | { readonly type: 'app-entered', readonly app: string }
  | { readonly type: 'input-changed', readonly name: string, readonly input: string | boolean }
  | { readonly type: 'found-invalid', readonly isCommandMissing: boolean, readonly fieldErrors: readonly FieldError[] }
  | { readonly type: 'sent' }
  | { readonly type: 'created' }
  | { readonly type: 'request-failed', readonly message: string }

const NO_ERRORS = { isCommandMissing: false, fieldErrors: [], requestError: undefined } as const

/** @param types at least one */
export function initialFormState (types: readonly TaskType[], template?: FormTemplate): FormState {
  const typeName = types.find(({ name }) => name === template?.type)?.name ?? types[0]!.name
  return {
    phase: 'editing', template, command: textOf(template?.command), app: textOf(template?.app), ...NO_ERRORS, ...selectType(types, typeName, template)
  }
}

export function reduceForm (state: FormState, action: FormAction): FormState {
  switch (action.type) {
    case 'types-changed': return withTypes(state, action.types, state.typeName)
    case 'type-selected': return withTypes(state, state.types, action.name)
    case 'command-entered': return { ...state, command: action.command }
    case 'app-entered': return { ...state, app: action.app }
    case 'input-changed': return { ...state, inputs: { ...state.inputs, [action.name]: action.input } }
    case 'found-invalid': return { ...state, ...NO_ERRORS, isCommandMissing: action.isCommandMissing, fieldErrors: action.fieldErrors }
    case 'sent': return { ...state, ...NO_ERRORS, phase: 'sending' }
    case 'created': return { ...state, phase: 'editing' }
    case 'request-failed': return { ...state, phase: 'editing', requestError: action.message }
  }
}

/** Keeps the inputs as long as the selected type is the same object. */
function withTypes (state: FormState, types: readonly TaskType[], typeName: string): FormState {
  const selected = selectType(types, typeName, state.template)
  if (selected.taskType === state.taskType) return { ...state, types, typeName }
  return { ...state, ...selected, isCommandMissing: false, fieldErrors: [] }
}

function selectType (types: readonly TaskType[], typeName: string, template: FormTemplate | undefined): Pick<FormState, 'types' | 'typeName' | 'taskType' | 'field' | 'inputs'> {
  const taskType = types.find(({ name }) => name === typeName) ?? types[0]!
  const config = template?.type === taskType.name ? template.config : undefined
  const field = taskType.config === undefined ? undefined : fieldForValue(taskType.config, config)
  const inputs = field === undefined ? {} : config === undefined ? defaultInputs(field) : inputsFor(field, config)
  return { types, typeName, taskType, field, inputs }
}
