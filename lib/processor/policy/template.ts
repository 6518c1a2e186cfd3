import { Refusal } from './refusal.ts'

/** The values that placeholders are replaced by. */
export interface TemplateValues {
  readonly id: string
  readonly type: string
  readonly app: unknown
  readonly config: unknown
}

interface Placeholder {
  /** As written in the policy, including the braces. */
  readonly source: string
  readonly root: keyof TemplateValues
  /** Names of nested properties, starting at the root. */
  readonly path: readonly string[]
  /** Whether a missing or empty value is allowed. */
  readonly optional: boolean
}

/** Literal text and placeholders, in their order. */
export type Template = ReadonlyArray<string | Placeholder>

const PLACEHOLDER = /^\{(?:(id|type|app)|config((?:\.[\w-]+)*))(\??)\}$/

/**
 * Parses `{config}`, `{config.a.b}`, `{id}`, `{type}` and `{app}`, each with an optional `?` before the closing brace, and
 * `{{` and `}}` for literal braces.
 * @throws Error if the text contains another placeholder, a single brace or a NUL byte
 */
export function parseTemplate (text: string): Template {
  if (text.includes('\0')) throw new Error('must not contain a NUL byte')
  const parts: Array<string | Placeholder> = []
  for (const [token] of text.matchAll(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g)) {
    if (token === '{{' || token === '}}') parts.push(token.charAt(0))
    else if (token === '{' || token === '}') throw new Error(`a single "${token}"; write "${token}${token}" for a literal brace`)
    else parts.push(token.startsWith('{') ? parsePlaceholder(token) : token)
  }
  return parts
}

function parsePlaceholder (source: string): Placeholder {
  const [match, root, path = '', mark] = PLACEHOLDER.exec(source) ?? []
  if (match === undefined) throw new Error(`${source} is not a valid placeholder; use {config}, {config.name}, {id}, {type} or {app}`)
  return { source, root: (root ?? 'config') as keyof TemplateValues, path: path.split('.').slice(1), optional: mark === '?' }
}

/** The text of a template without placeholders; undefined if it has placeholders. */
export function literalOf (template: Template): string | undefined {
  return template.every((part) => typeof part === 'string') ? template.join('') : undefined
}

/**
 * Replaces the placeholders. Values are inserted verbatim and not parsed again.
 * @param options.mayStartWithDash whether the text may start with a value that starts with `-`
 * @throws Refusal that names the placeholder
 */
export function fillTemplate (template: Template, values: TemplateValues, { mayStartWithDash = true } = {}): string {
  let text = ''
  for (const part of template) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const value = valueOf(part, values)
    if (value === '' && !part.optional) throw new Refusal(`${part.source} is missing or empty.`)
    if (value.includes('\0')) throw new Refusal(`${part.source} contains a NUL byte.`)
    if (text === '' && value.startsWith('-') && !mayStartWithDash) {
      throw new Refusal(`${part.source} starts with "-" and would be taken for an option.`)
    }
    text += value
  }
  return text
}

/** Missing and null values become the empty string. */
function valueOf ({ root, path }: Placeholder, values: TemplateValues): string {
  let value = values[root]
  for (const name of path) value = isOwn(value, name) ? value[name] : undefined
  if (value === undefined || value === null) return ''
  // the whole config is JSON even if it is a string, so that the program can always parse it
  if (typeof value === 'string' && (root !== 'config' || path.length > 0 || value === '')) return value
  return JSON.stringify(value)
}

/** Only properties that the JSON text contains: none of a prototype, and not the length of an array. */
function isOwn (value: unknown, name: string): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.prototype.propertyIsEnumerable.call(value, name)
}
