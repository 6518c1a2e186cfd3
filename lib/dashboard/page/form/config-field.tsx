import { nameOf, type Field, type Filled } from './fields.ts'

interface FieldProps {
  readonly field: Field
  readonly filled: Filled
  readonly misfit: (name: string) => string | undefined
  readonly onFill: (name: string, value: string | boolean) => void
}

/** One value of a config, or a group of them. */
export function ConfigField (props: FieldProps) {
  const { field, misfit } = props
  const name = nameOf(field)
  if (field.kind === 'group') {
    return (
      <fieldset id={`config-${name}`} tabIndex={-1}>
        {field.path.length > 0 && <legend>{field.label}</legend>}
        {field.description !== undefined && <p>{field.description}</p>}
        {misfit(name) !== undefined && <p class='error' role='alert'>{misfit(name)}</p>}
        {field.fields.map((each) => <ConfigField key={nameOf(each)} {...props} field={each} />)}
      </fieldset>
    )
  }
  const problem = misfit(name)
  const help = problem ?? field.description ?? (field.kind === 'lines' ? 'One on each line.' : field.kind === 'json' ? 'As JSON.' : undefined)
  const label = <label for={`config-${name}`}>{field.label}{!field.required && field.kind !== 'boolean' && ' (optional)'}</label>
  return (
    <div class={`field ${field.kind}`}>
      {field.kind !== 'boolean' && label}
      <Control {...props} field={field} />
      {field.kind === 'boolean' && label}
      <small id={`help-config-${name}`}>{help}</small>
    </div>
  )
}

function Control ({ field, filled, misfit, onFill }: FieldProps & { field: Exclude<Field, { kind: 'group' }> }) {
  const name = nameOf(field)
  const { minimum = -1, maxLength } = field.schema
  const value = filled[name] ?? ''
  const common = {
    id: `config-${name}`,
    'aria-invalid': misfit(name) !== undefined || undefined,
    'aria-describedby': `help-config-${name}`,
    'aria-required': field.required
  } as const
  const onInput = ({ currentTarget }: { currentTarget: { value: string } }) => onFill(name, currentTarget.value)
  if (field.kind === 'boolean') {
    return <input {...common} type='checkbox' role='switch' checked={value === true} onChange={({ currentTarget }) => onFill(name, currentTarget.checked)} />
  }
  if (field.kind === 'choice') {
    return (
      <select {...common} value={String(value)} onChange={onInput}>
        <option value=''>{field.required ? 'Choose…' : ''}</option>
        {field.choices.map((choice, index) => <option key={index} value={String(index)}>{typeof choice === 'string' ? choice : JSON.stringify(choice)}</option>)}
      </select>
    )
  }
  if (field.kind === 'lines' || field.kind === 'json') {
    return <textarea {...common} class='code' rows={3} value={String(value)} spellcheck={false} onInput={onInput} />
  }
  // not of the type `number`: that hides what is no number, as if there were nothing. Some keyboards for numbers have no minus
  const keyboard = minimum < 0 || field.kind === 'text' ? 'text' : field.kind === 'integer' ? 'numeric' : 'decimal'
  return <input {...common} value={String(value)} autocomplete='off' inputMode={keyboard} onInput={onInput} maxLength={maxLength} />
}
