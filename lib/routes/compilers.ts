import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { FST_TASKS_VALIDATION } from '../errors.ts'
import { lossyNumber } from '../shared/lossy-number.ts'
import { compileCheck } from '../util/compile-check.ts'
import type { Scope } from './context.ts'
import { checkedJson } from './json-body.ts'

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
    if (body.length === 0) return done(null, undefined)
    let text: string
    try {
      text = checkedJson(body)
    } catch (error) {
      return done(error as Error, undefined)
    }
    parse(request, text, (error, value) => {
      const number = error === null ? lossyNumber(Buffer.from(text)) : undefined
      done(number === undefined ? error : new FST_TASKS_VALIDATION(`body must not contain the number ${number.slice(0, 100)}, which JavaScript cannot represent: write it as a string`), value)
    })
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
