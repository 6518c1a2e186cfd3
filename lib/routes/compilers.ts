import { isUtf8 } from 'node:buffer'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { FST_TASKS_VALIDATION } from '../errors.ts'
import { MAX_NESTING, nestingOf } from '../shared/json-scanner.ts'
import { compileCheck } from '../util/compile-check.ts'
import type { Scope } from './context.ts'

/**
 * Installs the plugin's own compilers and body parser, so that the host's do not apply: bodies are not coerced, a query's
 * single value is accepted for an array, and an empty JSON body counts as none.
 */
export function useOwnCompilers (scope: Scope): void {
  scope.setValidatorCompiler(compileValidator)
  // response schemas are documentation only: responses were validated at their source or are the raw file content
  scope.setSerializerCompiler(() => serialize)
  scope.setSchemaErrorFormatter(([first], part) => {
    return new FST_TASKS_VALIDATION(`${part}${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`)
  })
  scope.removeAllContentTypeParsers()
  const parse = scope.getDefaultJsonParser('error', 'error')
  scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) done(null, undefined)
    // decoding would replace the invalid bytes
    else if (!isUtf8(body)) done(new FST_TASKS_VALIDATION('body must be JSON in UTF-8'), undefined)
    else if (nestingOf(body) > MAX_NESTING) done(new FST_TASKS_VALIDATION(`body is nested more than ${MAX_NESTING} levels deep`), undefined)
    // it ignores a byte order mark
    else parse(request, body.toString('utf8'), done)
  })
}

const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = compileCheck(schema)
  return (value: unknown) => {
    const candidate = httpPart === 'querystring' ? Value.Convert(schema, value) : value
    const problem = check(candidate)
    if (problem === undefined) return { value: candidate }
    return { error: [{ keyword: '', schemaPath: '', params: {}, instancePath: problem.path, message: problem.message }] }
  }
}

/** Fastify passes errors here too, with its own properties added to them. */
function serialize (value: unknown): string {
  if (!(value instanceof Error)) return JSON.stringify(value)
  const { statusCode, code, error, message } = value as Error & { statusCode: number, code?: string, error: string }
  return JSON.stringify({ statusCode, code, error, message })
}
