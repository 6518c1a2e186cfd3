import { Type, type Static } from '@sinclair/typebox'
import { MAX_TIMER_MS } from '../../util/timers.ts'

const Text = (length: number) => Type.String({ minLength: 1, maxLength: length, description: `a string of 1 to ${length} characters` })
const Milliseconds = Type.Integer({ minimum: 1, maximum: MAX_TIMER_MS, description: `an integer from 1 to ${MAX_TIMER_MS} (ms)` })

/** One type of a policy. The parser checks that it has exactly one of `argv` and `shell`. */
export const PolicyTypeSchema = Type.Object({
  title: Type.Optional(Text(200)),
  description: Type.Optional(Text(2000)),
  argv: Type.Optional(Type.Array(Type.String(), { minItems: 1, description: 'a program and its arguments' })),
  shell: Type.Optional(Type.Literal(true, { description: 'true' })),
  config: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'a JSON schema' })),
  cwd: Type.Optional(Type.String({ pattern: '^/[^\\0]*$', description: 'an absolute path' })),
  env: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
    additionalProperties: false, description: 'an object of strings by names of variables'
  })),
  // a name of digits only would be taken for a user id
  user: Type.Optional(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.-]*\\$?$', maxLength: 256, description: 'the name of a user' })),
  timeoutMs: Type.Optional(Milliseconds),
  concurrency: Type.Optional(Type.Integer({ minimum: 1, description: 'a positive integer' }))
}, { additionalProperties: false })
export type PolicyType = Static<typeof PolicyTypeSchema>

/** A policy file. */
export const PolicySchema = Type.Object({
  types: Type.Record(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$' }), PolicyTypeSchema, {
    additionalProperties: false, maxProperties: 1000, description: 'an object of at most 1000 types by their names'
  })
}, { additionalProperties: false })
