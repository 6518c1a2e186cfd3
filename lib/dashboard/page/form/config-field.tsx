import { nameOf, type Field, type GroupField, type InputField } from './fields.ts'
import type { Inputs } from './values.ts'

interface ConfigFieldProps<F extends Field = Field> {
  readonly field: F
  readonly inputs: Inputs
  /** Message of the error at a field, by name. */
  readonly errorOf: (name: string) => string | undefined
  readonly onInput: (name: string, input: string | boolean) => void
}

/** One value of a config, or the values of an object. */
export function ConfigField (props: ConfigFieldProps) {
  const { field } = props
  return field.kind === 'group' ? <Group {...props} field={field} /> : <LabelledInput {...props} field={field} />
}

function Group (props: ConfigFieldProps<GroupField>) {
  const { field, errorOf } = props
  const name = nameOf(field)
  const error = errorOf(name)
  return (
    <fieldset id={`config-${name}`} tabIndex={-1}>
      {field.path.length > 0 && <legend>{field.label}</legend>}
      {field.description !== undefined && <p>{field.description}</p>}
      {error !== undefined && <p class='error' role='alert'>{error}</p>}
      {field.fields.map((each) => <ConfigField key={nameOf(each)} {...props} field={each} />)}
    </fieldset>
  )
}

const HELP: Partial<Record<InputField['kind'], string>> = { lines: 'One per line.', json: 'As JSON.' }

function LabelledInput (props: ConfigFieldProps<InputField>) {
  const { field, errorOf } = props
  const name = nameOf(field)
  const label = <label for={`config-${name}`}>{field.label}{!field.required && field.kind !== 'boolean' && ' (optional)'}</label>
  return (
    <div class={`field ${field.kind}`}>
      {field.kind !== 'boolean' && label}
      <Input {...props} />
      {field.kind === 'boolean' && label}
      <small id={`help-config-${name}`}>{errorOf(name) ?? field.description ?? HELP[field.kind]}</small>
    </div>
  )
}

function Input ({ field, inputs, errorOf, onInput }: ConfigFieldProps<InputField>) {
  const name = nameOf(field)
  const input = inputs[name] ?? ''
  const attributes = {
    id: `config-${name}`,
    'aria-invalid': errorOf(name) !== undefined || undefined,
    'aria-describedby': `help-config-${name}`,
    'aria-required': field.required
  } as const
  const onText = ({ currentTarget }: { currentTarget: { value: string } }) => onInput(name, currentTarget.value)
  if (field.kind === 'boolean') {
    return <input {...attributes} type='checkbox' role='switch' checked={input === true} onChange={({ currentTarget }) => onInput(name, currentTarget.checked)} />
  }
  if (field.kind === 'choice') {
    return (
      <select {...attributes} value={String(input)} onChange={onText}>
        <option value=''>{field.required ? 'Choose…' : ''}</option>
        {field.choices.map((choice, index) => <option key={index} value={String(index)}>{typeof choice === 'string' ? choice : JSON.stringify(choice)}</option>)}
      </select>
    )
  }
  if (field.kind === 'lines' || field.kind === 'json') {
    return <textarea {...attributes} class='code' rows={3} value={String(input)} spellcheck={false} onInput={onText} />
  }
  // not `type=number`, which reports text that is not a number as an empty value
  return <input {...attributes} value={String(input)} autocomplete='off' inputMode={keyboardFor(field)} onInput={onText} maxLength={field.schema.maxLength} />
}

/** On-screen keyboard. Some numeric keyboards have no minus sign. */
function keyboardFor ({ kind, schema: { minimum = -1 } }: InputField): 'text' | 'numeric' | 'decimal' {
  if (kind === 'text' || minimum < 0) return 'text'
  return kind === 'integer' ? 'numeric' : 'decimal'
}
