/** A JSON schema, as far as a form can show it. */
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

/** What stands in a form for a value. */
export type Field =
  | FieldBase & { readonly kind: 'text' | 'lines' | 'number' | 'integer' | 'boolean' | 'json' }
  | FieldBase & { readonly kind: 'choice', readonly choices: readonly unknown[] }
  | FieldBase & { readonly kind: 'group', readonly fields: readonly Field[] }

interface FieldBase {
  /** Names of properties, from the config on. */
  readonly path: readonly string[]
  readonly label: string
  readonly description: string | undefined
  readonly required: boolean
  readonly schema: JsonSchema
}

const WHOLE: Field = { path: [], label: 'Config', description: undefined, required: true, schema: {}, kind: 'json' }

/**
 * The field of a schema; what no field is made for is written as JSON, as is all of a schema that can't be read.
 * @param value one that a task has had: where the fields would lose something of it, it is written as JSON, too
 */
export function fieldOf (schema: JsonSchema, value?: unknown): Field {
  try {
    const field = fieldAt(schema, [], true)
    return value === '' || givesBack(field, value) ? field : WHOLE
  } catch {
    return WHOLE
  }
}

function givesBack (field: Field, value: unknown): boolean {
  if (value === undefined) return true
  if (field.kind === 'boolean') return typeof value === 'boolean'
  if (field.kind !== 'group') return JSON.stringify(valueOf(field, fillFrom(field, value)).value) === JSON.stringify(value)
  return isObject(value) && Object.entries(value).every(([name, each]) => {
    const part = field.fields.find(({ path }) => path.at(-1) === name)
    return part !== undefined && givesBack(part, each)
  })
}

function fieldAt (schema: JsonSchema, path: readonly string[], required: boolean): Field {
  const base = { path, label: schema.title ?? path.at(-1) ?? 'Config', description: schema.description, required, schema }
  if (schema.const !== undefined) return { ...base, kind: 'choice', choices: [schema.const] }
  if (schema.enum !== undefined) return { ...base, kind: 'choice', choices: schema.enum }
  if (schema.properties !== undefined) {
    const needed = schema.required ?? []
    return { ...base, kind: 'group', fields: Object.entries(schema.properties).map(([name, each]) => fieldAt(each, [...path, name], needed.includes(name))) }
  }
  const kinds: Partial<Record<string, 'text' | 'number' | 'integer' | 'boolean'>> = { string: 'text', number: 'number', integer: 'integer', boolean: 'boolean' }
  const kind = typeof schema.type === 'string' ? kinds[schema.type] : undefined
  if (kind !== undefined) return { ...base, kind }
  if (schema.type === 'array' && schema.items?.type === 'string' && schema.items.enum === undefined) return { ...base, kind: 'lines' }
  return { ...base, kind: 'json' }
}

/** What has been filled in, by the fields' paths (`a/b`): texts, or whether a box is ticked. */
export type Filled = Readonly<Record<string, string | boolean>>

export function nameOf ({ path }: Pick<Field, 'path'>): string {
  return path.map((name) => name.replace(/~/g, '~0').replace(/\//g, '~1')).join('/')
}

/** Each misfit at the field that holds its place; at the outermost one, if there is none. */
export function atFields (field: Field, misfits: readonly Misfit[]): Misfit[] {
  const names = new Set(namesOf(field))
  return misfits.map(({ name, message }) => {
    let place = name
    while (place !== '' && !names.has(place)) place = place.slice(0, Math.max(0, place.lastIndexOf('/')))
    return { name: place, message: place === name ? message : `${name.slice(place === '' ? 0 : place.length + 1)}: ${message}` }
  })
}

function namesOf (field: Field): string[] {
  return [nameOf(field), ...field.kind === 'group' ? field.fields.flatMap(namesOf) : []]
}

/** What the fields hold at first, by the schema's defaults. */
export function fill (field: Field): Filled {
  return field.kind === 'group' ? Object.assign({}, ...field.fields.map(fill)) : { [nameOf(field)]: textOf(field, field.schema.default) }
}

/** What they hold for a value that a task has had. */
export function fillFrom (field: Field, value: unknown): Filled {
  if (field.kind !== 'group') return { [nameOf(field)]: textOf(field, value) }
  return Object.assign({}, ...field.fields.map((each) => fillFrom(each, isObject(value) ? value[each.path.at(-1)!] : undefined)))
}

function textOf (field: Field, value: unknown): string | boolean {
  if (field.kind === 'boolean') return value === true
  if (field.kind === 'choice') {
    const index = field.choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value))
    return index !== -1 ? String(index) : field.required && field.choices.length === 1 ? '0' : ''
  }
  if (value === undefined) return ''
  if (field.kind === 'lines') return Array.isArray(value) ? value.join('\n') : ''
  return field.kind === 'json' || typeof value !== 'string' ? JSON.stringify(value, null, 2) : value
}

/** Why a field's text is no value. */
export interface Misfit {
  readonly name: string
  readonly message: string
}

/** The value that the fields make, without what was left empty, and what could not be read. */
export function valueOf (field: Field, filled: Filled): { value: unknown, misfits: readonly Misfit[] } {
  if (field.kind === 'group') {
    const parts = field.fields.map((each) => [each.path.at(-1)!, valueOf(each, filled)] as const)
    const given = parts.filter(([, { value }]) => value !== undefined).map(([name, { value }]) => [name, value])
    return {
      // an optional group without content is left out
      value: given.length === 0 && !field.required ? undefined : Object.fromEntries(given),
      misfits: parts.flatMap(([, { misfits }]) => misfits)
    }
  }
  const text = filled[nameOf(field)] ?? ''
  // what would be true without it has to be told
  if (typeof text === 'boolean') return { value: text || field.required || field.schema.default === true ? text : undefined, misfits: [] }
  if (text === '') return { value: undefined, misfits: [] }
  return read(field, text)
}

function read (field: Exclude<Field, { kind: 'group' }>, text: string): { value: unknown, misfits: readonly Misfit[] } {
  const misfit = (message: string) => ({ value: undefined, misfits: [{ name: nameOf(field), message }] })
  if (field.kind === 'choice') return { value: field.choices[Number(text)], misfits: [] }
  if (field.kind === 'lines') return { value: text.split('\n').filter((line) => line !== ''), misfits: [] }
  if (field.kind === 'number' || field.kind === 'integer') {
    const number = Number(text)
    return text.trim() === '' || !Number.isFinite(number) ? misfit('Enter a number.') : { value: number, misfits: [] }
  }
  if (field.kind !== 'json') return { value: text, misfits: [] }
  try {
    return { value: JSON.parse(text), misfits: [] }
  } catch (error) {
    return misfit(`Invalid JSON: ${(error as Error).message}`)
  }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
