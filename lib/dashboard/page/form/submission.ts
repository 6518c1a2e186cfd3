import type { NewTask } from '../../../client/index.ts'
import type { FormAction, FormState } from './form-state.ts'
import { errorsAtFields, validateConfig } from './validate-config.ts'
import { readValue, type ParsedInput } from './values.ts'

type Submission =
  | { readonly type: 'valid', readonly task: NewTask }
  | FormAction & { readonly type: 'found-invalid' }

/** Makes a task from the inputs, or lists the invalid ones. */
export function submissionOf (state: FormState): Submission {
  const { command, app, taskType } = state
  const { value: config, errors: fieldErrors } = readConfig(state)
  const isCommandMissing = taskType.shell === true && command.trim() === ''
  if (isCommandMissing || fieldErrors.length > 0) return { type: 'found-invalid', isCommandMissing, fieldErrors }
  return {
    type: 'valid',
    task: {
      // for a type that defines what to run, the command is only a label
      command: taskType.shell === true ? command : command.trim() || (taskType.title ?? taskType.name),
      type: taskType.name,
      ...(app !== '' && { app }),
      ...(config !== undefined && { config })
    }
  }
}

function readConfig ({ taskType, field, inputs }: FormState): ParsedInput {
  if (field === undefined || taskType.config === undefined) return { value: undefined, errors: [] }
  const { value, errors } = readValue(field, inputs)
  if (errors.length > 0) return { value: undefined, errors }
  return { value, errors: errorsAtFields(field, validateConfig(taskType.config, value ?? '')) }
}
