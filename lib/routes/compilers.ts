import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { Value } from '@sinclair/typebox/value'
import { FST_TASKS_VALIDATION } from '../errors.ts'
import type { Scope } from './context.ts'

/**
 * Gives the plugin's routes compilers and a parser of their own, so that a host's never reach them: bodies are not
 * coerced, a query's single value may stand for an array, and an empty JSON body counts as none.
 */
export function useOwnCompilers (scope: Scope): void {
  scope.setValidatorCompiler(compileValidator)
  // response schemas document: what is sent was checked where it came from, or is a file's own text
  scope.setSerializerCompiler(() => serialize)
  scope.setSchemaErrorFormatter(([first], part) => {
    return new FST_TASKS_VALIDATION(`${part}${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`)
  })
  scope.removeAllContentTypeParsers()
  const parse = scope.getDefaultJsonParser('error', 'error')
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else parse(request, body as string, done)
  })
}

/** A schema's `description` says what is wanted where a pattern would only confuse. */
const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = TypeCompiler.Compile(schema)
  return (value: unknown) => {
    const candidate = httpPart === 'querystring' ? Value.Convert(schema, value) : value
    if (compiled.Check(candidate)) return { value: candidate }
    const [error] = compiled.Errors(candidate)
    const wanted = error?.schema.description
    const message = wanted === undefined ? error?.message ?? 'is not valid' : `must be ${wanted}`
    return { error: [{ keyword: '', schemaPath: '', params: {}, instancePath: error?.path ?? '', message }] }
  }
}

/** Errors arrive here too, with what Fastify adds on them. */
function serialize (value: unknown): string {
  if (!(value instanceof Error)) return JSON.stringify(value)
  const { statusCode, code, error, message } = value as Error & { statusCode: number, code?: string, error: string }
  return JSON.stringify({ statusCode, code, error, message })
}
