import t from 'tap'
import { fieldOf, nameOf, namesIn } from '../../../lib/dashboard/page/form/fields.ts'
import { SCHEMA } from './schema.ts'

t.test('each property of a schema becomes a field', async (t) => {
  const field = fieldOf(SCHEMA)
  if (field.kind !== 'group') return t.fail(field.kind)
  t.strictSame(field.fields.map(({ kind, label, required }) => [kind, label, required]), [
    ['text', 'Name', true], ['number', 'size', false], ['boolean', 'on', true], ['choice', 'kind', false], ['lines', 'tags', false], ['json', 'any', false], ['group', 'deep', false]
  ])
})

t.test('the name of a field is a JSON pointer', async (t) => {
  t.equal(nameOf({ path: ['a~b', 'c/d'] }), 'a~0b/c~1d')
  t.strictSame(namesIn(fieldOf(SCHEMA)), ['', 'name', 'size', 'on', 'kind', 'tags', 'any', 'deep', 'deep/a~1b'])
})
