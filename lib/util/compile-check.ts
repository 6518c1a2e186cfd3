import type { TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'

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
    const wanted = error?.schema.description
    return { path: error?.path ?? '', message: wanted === undefined ? error?.message ?? 'is not valid' : `must be ${wanted}` }
  }
}
