import t from 'tap'
import { fieldOf } from '../../../lib/dashboard/page/form/fields.ts'
import { defaultInputs, inputsFor, readValue } from '../../../lib/dashboard/page/form/values.ts'
import { SCHEMA, VALUE } from './schema.ts'

const field = fieldOf(SCHEMA)

t.test('an empty form contains the defaults', async (t) => {
  t.strictSame(defaultInputs(field), { name: 'x', size: '', on: false, kind: '', tags: '', any: '', 'deep/a~1b': '' })
})

t.test('an only choice is selected', async (t) => {
  t.strictSame(defaultInputs(fieldOf({ const: 'only' })), { '': '0' })
})

t.test('empty fields are left out of the value', async (t) => {
  t.strictSame(readValue(field, defaultInputs(field)), { value: { name: 'x', on: false }, errors: [] })
})

t.test('the inputs for a value give the same value', async (t) => {
  t.strictSame(readValue(field, inputsFor(field, VALUE)), { value: VALUE, errors: [] })
})

t.test('invalid numbers and invalid JSON are errors at their fields', async (t) => {
  t.match(readValue(field, { ...defaultInputs(field), size: '1x', any: '{' }).errors, [{ name: 'size', message: 'Enter a number.' }, { name: 'any', message: /^Invalid JSON/ }])
})

t.test('an unchecked box is included if its default is true', async (t) => {
  const dry = fieldOf({ type: 'object', properties: { dry: { type: 'boolean', default: true } } })
  t.strictSame(readValue(dry, { ...defaultInputs(dry), dry: false }).value, { dry: false })
})
