import t from 'tap'
import { fieldForValue } from '../../../lib/dashboard/page/form/field-for-value.ts'
import type { JsonSchema } from '../../../lib/dashboard/page/form/fields.ts'
import { errorsAtFields, validateConfig } from '../../../lib/dashboard/page/form/validate-config.ts'

const schema = { type: 'object', required: ['tag'], properties: { tag: { type: 'string', minLength: 2 }, deep: { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } } } }

t.test('a valid config has no errors', async (t) => {
  t.strictSame(validateConfig(schema, { tag: 'ok', deep: { x: 1 } }), [])
})

t.test('a missing property is an error at that property', async (t) => {
  t.strictSame(validateConfig(schema, {}), [{ name: 'tag', message: 'Required.' }])
})

t.test('errors are reported at the innermost value', async (t) => {
  const found = validateConfig(schema, { tag: 'a', deep: {} })
  t.strictSame(found.map(({ name }) => name).sort(), ['deep/x', 'tag'])
})

t.test('a config of the wrong type is an error at the root', async (t) => {
  t.match(validateConfig({ type: 'object' }, 5), [{ name: '', message: /object/ }])
})

t.test('each error moves to the field that contains its place', async (t) => {
  const odd = { type: 'object', required: ['a/b'], properties: { names: { type: 'array', items: { type: 'string', pattern: '^a' } }, 'site name': { enum: ['x'] }, größe: { type: 'integer' }, 'a/b': {} } }
  const errors = errorsAtFields(fieldForValue(odd as JsonSchema), validateConfig(odd, { names: ['bbb'], 'site name': 'y', größe: 'z' }))
  t.strictSame(errors.map(({ name }) => name).sort(), ['a~1b', 'größe', 'names', 'site name'])
  t.match(errors.find(({ name }) => name === 'names')?.message, /^0: /)
})
