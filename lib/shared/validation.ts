import type { TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'

export interface Problem {
  /** Where, as a JSON pointer. */
  readonly path: string
  readonly message: string
}

/**
 * Compiles a validator that returns the first problem, or undefined. A schema's `description` is used as the message,
 * where a raw pattern would only confuse.
 */
export function compileCheck (schema: TSchema): (value: unknown) => Problem | undefined {
  const compiled = TypeCompiler.Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return undefined
    const error = compiled.Errors(value).First()
    const wanted = error?.schema.description
    return { path: error?.path ?? '', message: wanted === undefined ? error?.message ?? 'is not valid' : `must be ${wanted}` }
  }
}
