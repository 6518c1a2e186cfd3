import t from 'tap'
import { fieldForValue } from '../../../lib/dashboard/page/form/field-for-value.ts'
import { inputsFor, readValue } from '../../../lib/dashboard/page/form/values.ts'
import { SCHEMA, VALUE } from './schema.ts'

t.test('a malformed schema becomes one field for JSON', async (t) => {
  t.equal(fieldForValue({ type: 'object', properties: { a: null } } as never).kind, 'json')
})

t.test('a value that the fields can represent is edited in fields', async (t) => {
  for (const value of [undefined, '', {}, { name: 'n' }, VALUE, { on: false }]) t.equal(fieldForValue(SCHEMA, value).kind, 'group', JSON.stringify(value))
})

t.test('a value of which the fields would lose a part is edited as JSON', async (t) => {
  for (const value of [{ name: 'n', other: 1 }, { deep: { c: 1 } }, { name: 5 }, { tags: ['a\nb'] }, { kind: 'c' }, { size: '1' }, ['a'], 'text', null]) {
    const field = fieldForValue(SCHEMA, value)
    t.strictSame([field.kind, readValue(field, inputsFor(field, value)).value], ['json', value])
  }
})
