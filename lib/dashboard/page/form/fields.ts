/** The keywords of a JSON schema that the form uses. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly format?: string
  readonly minimum?: number
  readonly maxLength?: number
  readonly pattern?: string
}

/** A field of the form, for one value. `lines` is an array of strings, one per line; `json` is any value as JSON text. */
export type InputField =
  | FieldBase & { readonly kind: 'text' | 'lines' | 'number' | 'integer' | 'boolean' | 'json' }
  | FieldBase & { readonly kind: 'choice', readonly choices: readonly unknown[] }

/** The fields of an object. */
export type GroupField = FieldBase & { readonly kind: 'group', readonly fields: readonly Field[] }

export type Field = InputField | GroupField

interface FieldBase {
  /** Property names from the root of the config. */
  readonly path: readonly string[]
  readonly label: string
  readonly description: string | undefined
  readonly required: boolean
  readonly schema: JsonSchema
}

/** One field for a complete config of any schema. */
export const JSON_CONFIG: Field = { path: [], label: 'Config', description: undefined, required: true, schema: {}, kind: 'json' }

/**
 * The fields for a schema. Values for which there is no kind of field are entered as JSON.
 * @throws TypeError if the schema is malformed
 */
export function fieldOf (schema: JsonSchema): Field {
  return fieldAt(schema, [], true)
}

function fieldAt (schema: JsonSchema, path: readonly string[], required: boolean): Field {
  const base = { path, label: schema.title ?? path.at(-1) ?? 'Config', description: schema.description, required, schema }
  if (schema.const !== undefined) return { ...base, kind: 'choice', choices: [schema.const] }
  if (schema.enum !== undefined) return { ...base, kind: 'choice', choices: schema.enum }
  if (schema.properties !== undefined) {
    const requiredNames = schema.required ?? []
    return { ...base, kind: 'group', fields: Object.entries(schema.properties).map(([name, each]) => fieldAt(each, [...path, name], requiredNames.includes(name))) }
  }
  const kinds: Partial<Record<string, 'text' | 'number' | 'integer' | 'boolean'>> = { string: 'text', number: 'number', integer: 'integer', boolean: 'boolean' }
  const kind = typeof schema.type === 'string' ? kinds[schema.type] : undefined
  if (kind !== undefined) return { ...base, kind }
  if (schema.type === 'array' && schema.items?.type === 'string' && schema.items.enum === undefined) return { ...base, kind: 'lines' }
  return { ...base, kind: 'json' }
}

/** The path as a JSON pointer without its leading slash (RFC 6901), such as `a/b`. The root's name is empty. */
export function nameOf ({ path }: Pick<Field, 'path'>): string {
  return path.map((name) => name.replace(/~/g, '~0').replace(/\//g, '~1')).join('/')
}

/** The names of a field and of all fields in it. */
export function namesIn (field: Field): string[] {
  return [nameOf(field), ...field.kind === 'group' ? field.fields.flatMap(namesIn) : []]
}
