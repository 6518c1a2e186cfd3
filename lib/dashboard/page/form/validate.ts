import { Validator } from '@cfworker/json-schema'
import { nameOf, type Misfit } from './fields.ts'

/**
 * What in a value does not fit a schema, by the place in the value. By a library that interprets the schema: one that
 * compiles it would need `unsafe-eval`. The processor checks again, and its word counts.
 */
export function misfitsOf (schema: object, value: unknown): Misfit[] {
  const { errors } = new Validator(schema, '7', false).validate(value)
  const found = errors.map(({ keyword, instanceLocation, error }) => {
    const place = decodeURIComponent(instanceLocation.replace(/^#\/?/, ''))
    // the property that is missing is a field of its own
    const missing = keyword === 'required' ? /"([^"]*)"/.exec(error)?.[1] : undefined
    if (missing !== undefined) return { name: [place, nameOf({ path: [missing] })].filter((part) => part !== '').join('/'), message: 'Required.' }
    return { name: place, message: error }
  })
  // a group tells only that something in it does not fit
  return found.filter(({ name }, index) => !found.some((other, at) => at !== index && other.name !== name && other.name.startsWith(name === '' ? '' : `${name}/`)))
}
