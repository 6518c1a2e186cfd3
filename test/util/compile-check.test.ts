import { Type } from '@sinclair/typebox'
import t from 'tap'
import { compileCheck } from '../../lib/util/compile-check.ts'

const check = compileCheck(Type.Object({
  size: Type.Integer({ description: 'an integer' }),
  tags: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z]+$' })))
}, { additionalProperties: false }))

t.test('a valid value has no error', async (t) => {
  t.equal(check({ size: 1, tags: ['a'] }), undefined)
})

t.test('the message is the description of the schema, if it has one', async (t) => {
  t.strictSame(check({ size: 'big' }), { path: '/size', message: 'must be an integer' })
})

t.test('without a description, the message says what is required in plain words', async (t) => {
  const Count = Type.Integer({ minimum: 1, maximum: 9 })
  const Name = Type.String({ minLength: 1, maxLength: 3, pattern: '^[a-z]*$' })
  for (const [schema, value, path, message] of [
    [Type.Integer(), 1.5, '', 'must be an integer'],
    [Type.Number(), 'x', '', 'must be a number'],
    [Type.Boolean(), 1, '', 'must be a boolean'],
    [Type.Null(), 1, '', 'must be null'],
    [Type.Object({}), [], '', 'must be an object'],
    [Type.Object({ name: Name }), null, '', 'must be an object'],
    [Type.Array(Count, { maxItems: 2 }), {}, '', 'must be an array'],
    [Type.Array(Count, { maxItems: 2 }), [1, 2, 3], '', 'must have at most 2 items'],
    [Type.Array(Count, { minItems: 1 }), [], '', 'must have at least 1 items'],
    [Type.Array(Count), [1, 0], '/1', 'must be at least 1'],
    [Count, 10, '', 'must be at most 9'],
    [Name, 5, '', 'must be a string'],
    [Name, '', '', 'must not be empty'],
    [Type.String({ minLength: 2 }), 'a', '', 'must have at least 2 characters'],
    [Name, 'abcd', '', 'must have at most 3 characters'],
    [Name, 'A', '', 'must match the pattern ^[a-z]*$'],
    [Type.Literal('on'), 'off', '', 'must be "on"'],
    [Type.Union([Type.Literal('on'), Type.Literal('off')]), 'x', '', 'must be "on" or "off"'],
    [Type.Union([Type.String(), Type.Integer(), Type.Null()]), true, '', 'must be a string or an integer or null'],
    [Type.Object({ name: Name }), {}, '/name', 'is missing'],
    [Type.Object({ size: Type.Integer({ description: 'a size' }) }), {}, '/size', 'is missing; it must be a size'],
    [Type.Record(Type.String(), Count, { maxProperties: 1 }), { a: 1, b: 2 }, '', 'must have at most 1 fields'],
    [Type.RegExp(/^a$/), 'b', '', 'must match its schema']
  ] as const) t.strictSame(compileCheck(schema)(value), { path, message }, message)
})

t.test('an unknown field is named, with the one that was meant or with all', async (t) => {
  t.strictSame(check({ size: 1, tag: [] }), { path: '/tag', message: 'is not a known field. Did you mean tags?' })
  t.strictSame(check({ size: 1, color: 'red' }), { path: '/color', message: 'is not a known field. The fields are size, tags.' })
  t.strictSame(check({ size: 1, 'tag/s': 1 }), { path: '/tag~1s', message: 'is not a known field. Did you mean tags?' })
  const env = Type.Record(Type.String({ pattern: '^[A-Z]+$' }), Type.String(), { additionalProperties: false })
  t.strictSame(compileCheck(env)({ a: '' }), { path: '/a', message: 'is not a valid name' })
  t.strictSame(compileCheck({ ...env, description: 'an object of strings' })({ a: '' }), { path: '/a', message: 'is not a valid name: the object must be an object of strings' })
})

t.test('the path of the value itself is empty', async (t) => {
  t.match(check(null), { path: '' })
})
