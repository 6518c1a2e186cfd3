import { fieldOf, JSON_CONFIG, type Field, type JsonSchema } from './fields.ts'
import { inputsFor, isObject, readValue } from './values.ts'

/**
 * The fields for a schema, or one field for JSON text if the schema is malformed or its fields cannot represent the value.
 * @param value config of an existing task; undefined or '' if there is none
 */
export function fieldForValue (schema: JsonSchema, value?: unknown): Field {
  try {
    const field = fieldOf(schema)
    return value === '' || representsExactly(field, value) ? field : JSON_CONFIG
  } catch {
    return JSON_CONFIG
  }
}

/** Whether the fields, filled in with the value, give the same value again. */
function representsExactly (field: Field, value: unknown): boolean {
  if (value === undefined) return true
  if (field.kind === 'boolean') return typeof value === 'boolean'
  if (field.kind !== 'group') return JSON.stringify(readValue(field, inputsFor(field, value)).value) === JSON.stringify(value)
  return isObject(value) && Object.entries(value).every(([name, each]) => {
    const part = field.fields.find(({ path }) => path.at(-1) === name)
    return part !== undefined && representsExactly(part, each)
  })
}
