import { Validator, type OutputUnit } from '@cfworker/json-schema'
import { nameOf, namesIn, type Field } from './fields.ts'
import type { FieldError } from './values.ts'

/**
 * Validates a config. The validator interprets the schema, because compiling it would need `unsafe-eval` in the page's
 * policy. The processor validates again, and only its result decides.
 * @returns the errors by JSON pointer
 */
export function validateConfig (schema: object, value: unknown): FieldError[] {
  const errors = validationErrors(schema, value)
  const found = errors.map(({ keyword, instanceLocation, error }) => {
    const name = decodeURIComponent(instanceLocation.replace(/^#\/?/, ''))
    // reported at the missing property, which has a field
    const missing = keyword === 'required' ? /"([^"]*)"/.exec(error)?.[1] : undefined
    if (missing !== undefined) return { name: [name, nameOf({ path: [missing] })].filter((part) => part !== '').join('/'), message: 'Required.' }
    return { name, message: error }
  })
  // an object's error only repeats that one of its properties is invalid
  return found.filter(({ name }, index) => !found.some((other, at) => at !== index && other.name !== name && other.name.startsWith(name === '' ? '' : `${name}/`)))
}

function validationErrors (schema: object, value: unknown): OutputUnit[] {
  try {
    return new Validator(schema, '7', false).validate(value).errors
  } catch {
    // a malformed schema, or one that is nested too deeply: the processor decides
    return []
  }
}

/** Moves each error to the field that contains its place, or to the outermost field. */
export function errorsAtFields (field: Field, errors: readonly FieldError[]): FieldError[] {
  const names = new Set(namesIn(field))
  return errors.map(({ name, message }) => {
    let place = name
    while (place !== '' && !names.has(place)) place = place.slice(0, Math.max(0, place.lastIndexOf('/')))
    return { name: place, message: place === name ? message : `${name.slice(place === '' ? 0 : place.length + 1)}: ${message}` }
  })
}
