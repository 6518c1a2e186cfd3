import type { TSchema } from '@sinclair/typebox'
import { TypeCompiler, ValueErrorType, type ValueError } from '@sinclair/typebox/compiler'
import { notKnown } from './names.ts'

/** The first error in a value that does not match a schema. */
export interface SchemaError {
  /** JSON pointer to the invalid part, such as `/items/0`; empty for the value itself. */
  readonly path: string
  /** What is required, such as `must be a string`. */
  readonly message: string
}

/**
 * Compiles a schema to a function that returns the first error, or undefined if the value is valid. If the invalid part's
 * schema has a `description`, the message is `must be <description>`: easier to understand than a regular expression.
 *
 * Not for browser modules: the compiled code needs `new Function`, which a Content-Security-Policy may forbid.
 */
export function compileCheck (schema: TSchema): (value: unknown) => SchemaError | undefined {
  const compiled = TypeCompiler.Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return undefined
    const error = compiled.Errors(value).First()
    return error === undefined ? { path: '', message: 'is not valid' } : { path: error.path, message: messageOf(error) }
  }
}

const FIELDS = { one: 'a known field', many: 'fields' }

function messageOf ({ type, schema, path }: ValueError): string {
  if (type === ValueErrorType.ObjectAdditionalProperties) return unknownField(schema, path)
  const { description } = schema
  if (type === ValueErrorType.ObjectRequiredProperty) return description === undefined ? 'is missing' : `is missing; it must be ${description}`
  return `must ${description === undefined ? requirementOf(type, schema) : `be ${description}`}`
}

/** The known fields of an object; or, if its names must match a pattern, what the object must be. */
function unknownField ({ properties, description }: TSchema, path: string): string {
  if (properties === undefined) return description === undefined ? 'is not a valid name' : `is not a valid name: the object must be ${description}`
  const name = path.slice(path.lastIndexOf('/') + 1).replaceAll('~1', '/').replaceAll('~0', '~')
  return notKnown(name, Object.keys(properties), FIELDS)
}

/** What follows `must`, for the kinds of errors that the schemas of this package can cause without a description. */
function requirementOf (type: ValueErrorType, schema: TSchema): string {
  switch (type) {
    case ValueErrorType.Object: return 'be an object'
    case ValueErrorType.Array: return 'be an array'
    case ValueErrorType.String: return 'be a string'
    case ValueErrorType.Boolean: return 'be a boolean'
    case ValueErrorType.Number: return 'be a number'
    case ValueErrorType.Integer: return 'be an integer'
    case ValueErrorType.Null: return 'be null'
    case ValueErrorType.Literal: return `be ${JSON.stringify(schema.const)}`
    case ValueErrorType.Union: return `be ${schema.anyOf.map(nameOf).join(' or ')}`
    case ValueErrorType.IntegerMinimum: case ValueErrorType.NumberMinimum: return `be at least ${schema.minimum}`
    case ValueErrorType.IntegerMaximum: case ValueErrorType.NumberMaximum: return `be at most ${schema.maximum}`
    case ValueErrorType.StringMinLength: return schema.minLength === 1 ? 'not be empty' : `have at least ${schema.minLength} characters`
    case ValueErrorType.StringMaxLength: return `have at most ${schema.maxLength} characters`
    case ValueErrorType.StringPattern: return `match the pattern ${schema.pattern}`
    case ValueErrorType.ArrayMinItems: return `have at least ${schema.minItems} items`
    case ValueErrorType.ArrayMaxItems: return `have at most ${schema.maxItems} items`
    case ValueErrorType.ObjectMaxProperties: return `have at most ${schema.maxProperties} fields`
    default: return 'match its schema'
  }
}

/** A part of a union, such as `a string` or `"none"`. */
function nameOf (schema: TSchema): string {
  if (schema.description !== undefined) return schema.description
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.type === 'null') return 'null'
  return `${/^[aeiou]/.test(schema.type) ? 'an' : 'a'} ${schema.type}`
}
