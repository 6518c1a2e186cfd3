import t from 'tap'
import { defined } from '../../lib/util/defined.ts'

t.test('defined() omits undefined properties and keeps all other values', async (t) => {
  t.strictSame(defined({ a: 1, b: undefined, c: null, d: false, e: 0, f: '' }), { a: 1, c: null, d: false, e: 0, f: '' })
})

t.test('defined() returns a copy', async (t) => {
  const properties = { a: 1 }
  t.not(defined(properties), properties)
})
