import type { JsonSchema } from '../../../lib/dashboard/page/form/fields.ts'

/** A schema with every kind of field. */
export const SCHEMA: JsonSchema = {
  type: 'object',
  required: ['name', 'on'],
  properties: {
    name: { type: 'string', title: 'Name', default: 'x' },
    size: { type: 'number' },
    on: { type: 'boolean' },
    kind: { enum: ['a', 2, null] },
    tags: { type: 'array', items: { type: 'string' } },
    any: { type: ['string', 'null'] },
    deep: { type: 'object', required: ['a/b'], properties: { 'a/b': { type: 'integer' } } }
  }
}

/** A value that its fields can represent. */
export const VALUE = { name: 'n', size: 1.5, on: true, kind: 2, tags: ['a', 'b'], any: null, deep: { 'a/b': 7 } }
