import { formatJson } from '../ui/json.ts'
import { nameOf, type Field, type InputField } from './fields.ts'

/** The input of each field, by the field's name: a text, or the state of a checkbox. */
export type Inputs = Readonly<Record<string, string | boolean>>

/** Why the input of a field is not valid. */
export interface FieldError {
  /** Name of the field. */
  readonly name: string
  readonly message: string
}

export interface ParsedInput {
  /** Undefined if nothing was entered. */
  readonly value: unknown
  readonly errors: readonly FieldError[]
}

/** The inputs of an empty form: the schema's defaults. */
export function defaultInputs (field: Field): Inputs {
  return field.kind === 'group' ? Object.assign({}, ...field.fields.map(defaultInputs)) : { [nameOf(field)]: inputOf(field, field.schema.default) }
}

/** The inputs that show a value, such as the config of an existing task. */
export function inputsFor (field: Field, value: unknown): Inputs {
  if (field.kind !== 'group') return { [nameOf(field)]: inputOf(field, value) }
  return Object.assign({}, ...field.fields.map((each) => inputsFor(each, isObject(value) ? value[each.path.at(-1)!] : undefined)))
}

function inputOf (field: InputField, value: unknown): string | boolean {
  if (field.kind === 'boolean') return value === true
  if (field.kind === 'choice') {
    const index = field.choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value))
    return index !== -1 ? String(index) : field.required && field.choices.length === 1 ? '0' : ''
  }
  if (value === undefined) return ''
  if (field.kind === 'lines') return Array.isArray(value) ? value.join('\n') : ''
  return field.kind === 'json' || typeof value !== 'string' ? formatJson(value) ?? '' : value
}

/** Reads the value of a field from the inputs. Empty fields are left out of objects. */
export function readValue (field: Field, inputs: Inputs): ParsedInput {
  if (field.kind === 'group') {
    const parts = field.fields.map((each) => [each.path.at(-1)!, readValue(each, inputs)] as const)
    const entries = parts.filter(([, { value }]) => value !== undefined).map(([name, { value }]) => [name, value])
    return {
      // an empty optional object is left out
      value: entries.length === 0 && !field.required ? undefined : Object.fromEntries(entries),
      errors: parts.flatMap(([, { errors }]) => errors)
    }
  }
  const input = inputs[nameOf(field)] ?? ''
  if (typeof input === 'boolean') return { value: isIncluded(field, input) ? input : undefined, errors: [] }
  return input === '' ? { value: undefined, errors: [] } : parseText(field, input)
}

/** An unchecked box is left out, unless the value is required or would otherwise be true by default. */
function isIncluded (field: InputField, isChecked: boolean): boolean {
  return isChecked || field.required || field.schema.default === true
}

function parseText (field: InputField, text: string): ParsedInput {
  const invalid = (message: string) => ({ value: undefined, errors: [{ name: nameOf(field), message }] })
  if (field.kind === 'choice') return { value: field.choices[Number(text)], errors: [] }
  if (field.kind === 'lines') return { value: text.split('\n').filter((line) => line !== ''), errors: [] }
  if (field.kind === 'number' || field.kind === 'integer') {
    const number = Number(text)
    return text.trim() === '' || !Number.isFinite(number) ? invalid('Enter a number.') : { value: number, errors: [] }
  }
  if (field.kind !== 'json') return { value: text, errors: [] }
  try {
    return { value: JSON.parse(text), errors: [] }
  } catch (error) {
    return invalid(`Invalid JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
