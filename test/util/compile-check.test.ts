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

t.test('without a description, the message is that of the validator', async (t) => {
  t.match(check({ size: 1, tags: ['a', 'B'] }), { path: '/tags/1', message: /^Expected string to match/ })
})

t.test('an unknown property is an error', async (t) => {
  t.match(check({ size: 1, color: 'red' }), { path: '/color', message: 'Unexpected property' })
})

t.test('the path of the value itself is empty', async (t) => {
  t.match(check(null), { path: '' })
})
