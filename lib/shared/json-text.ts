import { JsonTextError, MAX_MEMBERS, removeSpace, scanJson, type Members, type Span } from './json-scanner.ts'

const MAX_SCALAR_BYTES = 1024
/** A shorter string takes less than `MAX_SCALAR_BYTES` as JSON, however it is escaped. */
const SHORT_STRING = 160
/** A text of at most this length is parsed: that takes a third of the time of the scanner, and less than a millisecond for any text. */
const MAX_PARSED_BYTES = 8 * 1024

const QUOTE = 0x22
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b

const encoder = new TextEncoder()
// a byte order mark is not white space
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

type ParsedObject = Readonly<Record<string, unknown>>

/**
 * A JSON text without white space between its tokens, and the members of its top-level object. Of a long text only the
 * members that are needed are parsed: `JSON.parse` takes up to 20 times the memory of the text, and many times longer for
 * some texts.
 */
export class JsonText {
  /** In UTF-8. */
  readonly bytes: Uint8Array
  /** The value of a short text: objects that together have its members. The first object with a member counts. */
  readonly #parsed: readonly ParsedObject[] | undefined
  /** Found when they are needed. */
  #members: Members | undefined

  private constructor (bytes: Uint8Array, parsed: readonly ParsedObject[] | undefined, members: Members | undefined) {
    this.bytes = bytes
    this.#parsed = parsed
    this.#members = members
  }

  /**
   * Removes the white space, in time proportional to the length.
   * @param bytes valid UTF-8; they are overwritten
   * @throws JsonTextError
   */
  static compact (bytes: Uint8Array): JsonText {
    if (bytes.length > MAX_PARSED_BYTES) {
      const { length, members } = scanJson(bytes)
      return new JsonText(copyOf(bytes, length), undefined, members)
    }
    const value = parse(bytes)
    if (isObject(value) && Object.keys(value).length > MAX_MEMBERS) throw new JsonTextError('too-wide')
    return new JsonText(copyOf(bytes, removeSpace(bytes)), isObject(value) ? [value] : undefined, undefined)
  }

  /**
   * Like `compact`, but the bytes are not overwritten.
   * @throws JsonTextError
   */
  static of (bytes: Uint8Array): JsonText {
    return JsonText.compact(new Uint8Array(bytes))
  }

  /** Whether the value is an object. */
  get isObject (): boolean {
    return this.bytes[0] === OPEN_BRACE
  }

  /** The names of the top-level members, in the order of the text. Of equal names the last one counts, as for `JSON.parse`. */
  get names (): Iterable<string> {
    return this.#scanned.keys()
  }

  has (name: string): boolean {
    return this.#parsed === undefined ? this.#scanned.has(name) : this.#parsedValue(name) !== undefined
  }

  /** The text of a member's value; undefined if there is no such member. */
  raw (name: string): Uint8Array | undefined {
    const span = this.#scanned.get(name)
    return span && this.bytes.subarray(span.start, span.end)
  }

  /** Whether there is such a member, and its value is a string. */
  isString (name: string): boolean {
    return this.#parsed === undefined ? this.raw(name)?.[0] === QUOTE : typeof this.#parsedValue(name) === 'string'
  }

  /** The value of a member, if it is null, a boolean, a number or a string, and its text is at most 1 KiB long; otherwise undefined. */
  scalar (name: string): string | number | boolean | null | undefined {
    if (this.#parsed !== undefined) {
      const value = this.#parsedValue(name)
      if (typeof value !== 'string' || value.length <= SHORT_STRING) return value !== null && typeof value === 'object' ? undefined : value as string
    }
    const raw = this.raw(name)
    if (raw === undefined || raw.length > MAX_SCALAR_BYTES || raw[0] === OPEN_BRACE || raw[0] === OPEN_BRACKET) return undefined
    return JSON.parse(decoder.decode(raw))
  }

  /**
   * The object with other values for some members; members that it does not have are added at its end.
   * @param members by name: the JSON text of the value, without white space
   */
  set (members: ReadonlyMap<string, string>): JsonText {
    const replaced: Array<Span & { readonly json: string }> = []
    let added = ''
    for (const [name, json] of members) {
      if (this.has(name)) replaced.push({ ...this.#scanned.get(name)!, json })
      else added += `,${JSON.stringify(name)}:${json}`
    }
    const kept = replaced.length === 0 ? this.bytes : replaceSpans(this.bytes, replaced)
    const end = encoder.encode(`${kept.length > 2 ? added : added.slice(1)}}`)
    const bytes = new Uint8Array(kept.length - 1 + end.length)
    bytes.set(kept)
    bytes.set(end, kept.length - 1)
    return new JsonText(bytes, this.#parsed && [parsedMembers(members), ...this.#parsed], undefined)
  }

  /** The object with only these members. @param names of members that it has, in the wanted order */
  pick (names: readonly string[]): JsonText {
    const members = names.map((name) => `${JSON.stringify(name)}:${decoder.decode(this.raw(name))}`)
    return JsonText.compact(encoder.encode(`{${members.join(',')}}`))
  }

  /** Undefined: there is no such member, because JSON has no such value. */
  #parsedValue (name: string): unknown {
    for (const object of this.#parsed!) if (Object.hasOwn(object, name)) return object[name]
    return undefined
  }

  get #scanned (): Members {
    // scanning changes no text without white space
    this.#members ??= scanJson(this.bytes).members
    return this.#members
  }
}

/** A copy of its own: a view would keep the whole buffer in memory. */
function copyOf (bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, length))
}

function replaceSpans (bytes: Uint8Array, spans: Array<Span & { readonly json: string }>): Uint8Array {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const { start, end, json } of spans.sort((a, b) => a.start - b.start)) {
    pieces.push(bytes.subarray(at, start), encoder.encode(json))
    at = end
  }
  pieces.push(bytes.subarray(at))
  const result = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let length = 0
  for (const piece of pieces) {
    result.set(piece, length)
    length += piece.length
  }
  return result
}

function parsedMembers (members: ReadonlyMap<string, string>): ParsedObject {
  let text = ''
  for (const [name, json] of members) text += `,${JSON.stringify(name)}:${json}`
  return JSON.parse(`{${text.slice(1)}}`)
}

/** @throws JsonTextError */
function parse (bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    throw new JsonTextError('not-json')
  }
}

function isObject (value: unknown): value is ParsedObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
