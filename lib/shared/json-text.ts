/** Deeper arrays and objects are refused: the cost of many operations on JSON grows with its depth. */
export const MAX_NESTING = 100

const MAX_SCALAR_BYTES = 1024

/** The text is not JSON that a task may contain. */
export class JsonTextError extends Error {
  /** Whether the text is nested too deeply; otherwise it is not valid JSON. */
  readonly isTooDeep: boolean

  constructor (isTooDeep: boolean) {
    super(isTooDeep ? `it is nested more than ${MAX_NESTING} levels deep` : 'it is not valid JSON')
    this.isTooDeep = isTooDeep
  }
}

/** Where the value of a member is, as offsets into the text: `end` is exclusive. */
interface Span {
  readonly start: number
  readonly end: number
}

/**
 * A JSON text without white space between its tokens, and the members of its top-level object. Only the members that are
 * needed are parsed: `JSON.parse` takes up to 20 times the memory of the text, and many times longer for some texts.
 */
export class JsonText {
  /** In UTF-8. */
  readonly bytes: Uint8Array
  readonly #members: ReadonlyMap<string, Span> | undefined

  private constructor (bytes: Uint8Array, members: ReadonlyMap<string, Span> | undefined) {
    this.bytes = bytes
    this.#members = members
  }

  /**
   * Removes the white space, in time proportional to the length.
   * @param bytes valid UTF-8; they are overwritten
   * @throws JsonTextError
   */
  static compact (bytes: Uint8Array): JsonText {
    const scanner = new Scanner(bytes)
    const { length, members } = scanner.scan()
    // a copy of its own: a view would keep the whole buffer in memory
    return new JsonText(new Uint8Array(bytes.subarray(0, length)), members)
  }

  /** Whether the value is an object. */
  get isObject (): boolean {
    return this.#members !== undefined
  }

  /** The names of the top-level members, in the order of the text. Of equal names the last one counts, as for `JSON.parse`. */
  get names (): Iterable<string> {
    return this.#members?.keys() ?? []
  }

  has (name: string): boolean {
    return this.#members?.has(name) === true
  }

  /** The text of a member's value; undefined if there is no such member. */
  raw (name: string): Uint8Array | undefined {
    const span = this.#members?.get(name)
    return span && this.bytes.subarray(span.start, span.end)
  }

  /** The value of a member, if it is null, a boolean, a number or a string, and its text is at most 1 KiB long; otherwise undefined. */
  scalar (name: string): string | number | boolean | null | undefined {
    const raw = this.raw(name)
    if (raw === undefined || raw.length > MAX_SCALAR_BYTES || raw[0] === OPEN_BRACE || raw[0] === OPEN_BRACKET) return undefined
    return JSON.parse(decoder.decode(raw))
  }
}

/** How deeply arrays and objects are nested in a JSON text; 0 for a string or number. The text may be invalid. */
export function nestingOf (bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
  }
  return deepest
}

const decoder = new TextDecoder()

const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const UPPER_E = 0x45
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const LOWER_E = 0x65
const LOWER_U = 0x75
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const LITERALS: ReadonlyMap<number, Uint8Array> = new Map(['true', 'false', 'null'].map((text) => {
  const bytes = new TextEncoder().encode(text)
  return [bytes[0]!, bytes]
}))
/** What may follow a backslash, except `u`. */
const ESCAPES: ReadonlySet<number | undefined> = new Set(new TextEncoder().encode('"\\/bfnrt'))

/** Checks a JSON text (RFC 8259), and moves its tokens to the beginning of the buffer. */
class Scanner {
  readonly #bytes: Uint8Array
  /** Offset of the next byte to read. */
  #at = 0
  /** Offset of the next byte to write; never greater than `#at`. */
  #length = 0
  #members: Map<string, Span> | undefined

  constructor (bytes: Uint8Array) {
    this.#bytes = bytes
  }

  scan (): { length: number, members: ReadonlyMap<string, Span> | undefined } {
    this.#skipSpace()
    this.#value(0)
    this.#skipSpace()
    if (this.#at < this.#bytes.length) throw new JsonTextError(false)
    return { length: this.#length, members: this.#members }
  }

  /** @param depth number of arrays and objects around the value */
  #value (depth: number): void {
    const byte = this.#bytes[this.#at]
    if (byte === QUOTE) this.#string()
    else if (byte === OPEN_BRACE) this.#object(depth + 1)
    else if (byte === OPEN_BRACKET) this.#array(depth + 1)
    else if (byte === MINUS || isDigit(byte)) this.#number()
    else this.#literal(byte)
  }

  #object (depth: number): void {
    this.#enter(depth)
    if (depth === 1) this.#members = new Map()
    if (this.#takeIf(CLOSE_BRACE)) return
    do {
      this.#skipSpace()
      const name = { start: this.#length, end: this.#string() }
      this.#skipSpace()
      this.#take(COLON)
      this.#skipSpace()
      const start = this.#length
      this.#value(depth)
      if (depth === 1) this.#members!.set(this.#text(name), { start, end: this.#length })
      this.#skipSpace()
    } while (this.#takeIf(COMMA))
    this.#take(CLOSE_BRACE)
  }

  #array (depth: number): void {
    this.#enter(depth)
    if (this.#takeIf(CLOSE_BRACKET)) return
    do {
      this.#skipSpace()
      this.#value(depth)
      this.#skipSpace()
    } while (this.#takeIf(COMMA))
    this.#take(CLOSE_BRACKET)
  }

  #enter (depth: number): void {
    if (depth > MAX_NESTING) throw new JsonTextError(true)
    this.#copy(1)
    this.#skipSpace()
  }

  /** @returns the offset after the string, in the compact text */
  #string (): number {
    const bytes = this.#bytes
    if (bytes[this.#at] !== QUOTE) throw new JsonTextError(false)
    let end = this.#at + 1
    for (; bytes[end] !== QUOTE; end++) {
      const byte = bytes[end]
      // also past the end of the text
      if (byte === undefined || byte < 0x20) throw new JsonTextError(false)
      if (byte === BACKSLASH) end = this.#escape(end)
    }
    this.#copy(end + 1 - this.#at)
    return this.#length
  }

  /** @returns the offset of the last byte of the escape sequence that begins at `start` */
  #escape (start: number): number {
    const bytes = this.#bytes
    if (ESCAPES.has(bytes[start + 1])) return start + 1
    if (bytes[start + 1] !== LOWER_U) throw new JsonTextError(false)
    for (let digit = 2; digit < 6; digit++) if (!isHexDigit(bytes[start + digit])) throw new JsonTextError(false)
    return start + 5
  }

  #number (): void {
    const bytes = this.#bytes
    let end = this.#at
    if (bytes[end] === MINUS) end++
    end = bytes[end] === ZERO ? end + 1 : this.#digits(end)
    if (bytes[end] === DOT) end = this.#digits(end + 1)
    if (bytes[end] === LOWER_E || bytes[end] === UPPER_E) {
      end++
      if (bytes[end] === PLUS || bytes[end] === MINUS) end++
      end = this.#digits(end)
    }
    this.#copy(end - this.#at)
  }

  /** @returns the offset after at least one digit */
  #digits (start: number): number {
    let end = start
    while (isDigit(this.#bytes[end])) end++
    if (end === start) throw new JsonTextError(false)
    return end
  }

  #literal (first: number | undefined): void {
    const expected = LITERALS.get(first ?? 0)
    if (expected === undefined) throw new JsonTextError(false)
    for (let index = 1; index < expected.length; index++) if (this.#bytes[this.#at + index] !== expected[index]) throw new JsonTextError(false)
    this.#copy(expected.length)
  }

  #take (byte: number): void {
    if (!this.#takeIf(byte)) throw new JsonTextError(false)
  }

  #takeIf (byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false
    this.#copy(1)
    return true
  }

  #skipSpace (): void {
    const bytes = this.#bytes
    let at = this.#at
    for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at]) at++
    this.#at = at
  }

  #copy (count: number): void {
    const bytes = this.#bytes
    if (this.#length !== this.#at) {
      // a call costs as much as some ten assignments
      if (count > 32) bytes.copyWithin(this.#length, this.#at, this.#at + count)
      else for (let index = 0; index < count; index++) bytes[this.#length + index] = bytes[this.#at + index]!
    }
    this.#at += count
    this.#length += count
  }

  /** The value of a string. Names are short and plain as a rule: then this takes a tenth of the time of the decoder and parser. */
  #text ({ start, end }: Span): string {
    let text = ''
    for (let at = start + 1; at < end - 1; at++) {
      const byte = this.#bytes[at]!
      if (byte === BACKSLASH || byte > 0x7f || end - start > 32) return JSON.parse(decoder.decode(this.#bytes.subarray(start, end)))
      text += String.fromCharCode(byte)
    }
    return text
  }
}

function isDigit (byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}

function isHexDigit (byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}
