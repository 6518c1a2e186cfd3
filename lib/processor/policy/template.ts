import { Refusal } from './refusal.ts'

/** What placeholders stand for. */
export interface TemplateValues {
  readonly id: string
  readonly type: string
  readonly app: unknown
  readonly config: unknown
}

interface Placeholder {
  /** As it is written, braces included. */
  readonly source: string
  readonly root: keyof TemplateValues
  /** Names of properties, from the root on. */
  readonly path: readonly string[]
  /** An empty value is meant to be possible. */
  readonly optional: boolean
}

/** Literal text and placeholders, in their order. */
export type Template = ReadonlyArray<string | Placeholder>

const PLACEHOLDER = /^\{(?:(id|type|app)|config((?:\.[\w-]+)*))(\??)\}$/

/**
 * Reads `{config}`, `{config.a.b}`, `{id}`, `{type}` and `{app}`, each also with a question mark at its end, and `{{` and
 * `}}` for braces.
 * @throws Error where there is anything else in braces, or a single one
 */
export function parseTemplate (text: string): Template {
  if (text.includes('\0')) throw new Error('it holds a NUL byte')
  const parts: Array<string | Placeholder> = []
  for (const [token] of text.matchAll(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g)) {
    if (token === '{{' || token === '}}') parts.push(token.charAt(0))
    else if (token === '{' || token === '}') throw new Error(`a single "${token}"; write "${token}${token}" for a brace`)
    else parts.push(token.startsWith('{') ? parsePlaceholder(token) : token)
  }
  return parts
}

function parsePlaceholder (source: string): Placeholder {
  const [match, root, path = '', mark] = PLACEHOLDER.exec(source) ?? []
  if (match === undefined) throw new Error(`${source} is not a valid placeholder; use {config}, {config.name}, {id}, {type} or {app}`)
  return { source, root: (root ?? 'config') as keyof TemplateValues, path: path.split('.').slice(1), optional: mark === '?' }
}

/** The text of a template without placeholders; undefined: it has some. */
export function literalOf (template: Template): string | undefined {
  return template.every((part) => typeof part === 'string') ? template.join('') : undefined
}

/**
 * @param options.mayBeOption whether the text may begin with a value that begins with `-`
 * @throws Refusal that names the placeholder
 */
export function fillTemplate (template: Template, values: TemplateValues, { mayBeOption = true } = {}): string {
  let text = ''
  for (const part of template) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const value = valueOf(part, values)
    if (value === '' && !part.optional) throw new Refusal(`${part.source} is missing or empty.`)
    if (value.includes('\0')) throw new Refusal(`${part.source} holds a NUL byte.`)
    if (text === '' && value.startsWith('-') && !mayBeOption) {
      throw new Refusal(`${part.source} begins with "-" and would be taken for an option.`)
    }
    text += value
  }
  return text
}

/** Missing and null values are empty texts. */
function valueOf ({ root, path }: Placeholder, values: TemplateValues): string {
  let value = values[root]
  for (const name of path) value = isOwn(value, name) ? value[name] : undefined
  if (value === undefined || value === null) return ''
  // the whole config is JSON even where it is a string, so that whoever gets it can tell
  if (typeof value === 'string' && (root !== 'config' || path.length > 0 || value === '')) return value
  return JSON.stringify(value)
}

/** What the JSON text itself holds: nothing of a prototype, and no array's length. */
function isOwn (value: unknown, name: string): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.prototype.propertyIsEnumerable.call(value, name)
}
