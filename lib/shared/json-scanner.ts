/** Deeper arrays and objects are refused: the cost of many operations on JSON grows with its depth. */
export const MAX_NESTING = 100

/** An object with more members at the top level is refused: a task has about ten, and each name is kept while it is read. */
export const MAX_MEMBERS = 1000

const MESSAGES = {
  'not-json': 'it is not valid JSON',
  'too-deep': `it is nested more than ${MAX_NESTING} levels deep`,
  'too-wide': `it has more than ${MAX_MEMBERS} fields`
}

/** The text is not JSON that a task may contain. The message continues a sentence that starts with the text's name. */
export class JsonTextError extends Error {
  readonly problem: keyof typeof MESSAGES

  constructor (problem: keyof typeof MESSAGES) {
    super(MESSAGES[problem])
    this.problem = problem
  }
}

/** Where the value of a member is, as offsets into the text: `end` is exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The members of the top-level object, by name; none if the value is not an object. */
export type Members = ReadonlyMap<string, Span>

/**
 * Checks a JSON text (RFC 8259), and removes the white space between its tokens, in time proportional to the length.
 * @param bytes valid UTF-8; they are overwritten
 * @returns the length of the compact text, which begins at offset 0, and the members as offsets into it
 * @throws JsonTextError
 */
export function scanJson (bytes: Uint8Array): { length: number, members: Members } {
  return new Scanner(bytes).scan()
}

/**
 * Removes the white space between the tokens of a text that `JSON.parse` accepts.
 * @param bytes they are overwritten
 * @returns the length of the compact text, which begins at offset 0
 * @throws JsonTextError if it is nested too deeply
 */
export function removeSpace (bytes: Uint8Array): number {
  let length = 0
  let depth = 0
  let isInString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (isInString) {
      if (byte === BACKSLASH) bytes[length++] = bytes[at++]!
      else if (byte === QUOTE) isInString = false
    } else if (byte <= 0x20) continue
    else if (byte === QUOTE) isInString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > MAX_NESTING) throw new JsonTextError('too-deep')
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
    bytes[length++] = bytes[at]!
  }
  return length
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

/** Moves the tokens of a text to the beginning of the buffer. */
class Scanner {
  readonly #bytes: Uint8Array
  /** Offset of the next byte to read. */
  #at = 0
  /** Offset of the next byte to write; never greater than `#at`. */
  #length = 0
  #memberCount = 0
  readonly #members = new Map<string, Span>()

  constructor (bytes: Uint8Array) {
    this.#bytes = bytes
  }

  scan (): { length: number, members: Members } {
    this.#skipSpace()
    this.#value(0)
    this.#skipSpace()
    if (this.#at < this.#bytes.length) throw new JsonTextError('not-json')
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
    if (this.#takeIf(CLOSE_BRACE)) return
    do {
      this.#skipSpace()
      const name = { start: this.#length, end: this.#string() }
      this.#skipSpace()
      this.#take(COLON)
      this.#skipSpace()
      const start = this.#length
      this.#value(depth)
      if (depth === 1) this.#addMember(name, { start, end: this.#length })
      this.#skipSpace()
    } while (this.#takeIf(COMMA))
    this.#take(CLOSE_BRACE)
  }

  /** @param name of the member, in the compact text */
  #addMember (name: Span, value: Span): void {
    if (++this.#memberCount > MAX_MEMBERS) throw new JsonTextError('too-wide')
    this.#members.set(this.#text(name), value)
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
    if (depth > MAX_NESTING) throw new JsonTextError('too-deep')
    this.#copy(1)
    this.#skipSpace()
  }

  /** @returns the offset after the string, in the compact text */
  #string (): number {
    const bytes = this.#bytes
    if (bytes[this.#at] !== QUOTE) throw new JsonTextError('not-json')
    let end = this.#at + 1
    for (; bytes[end] !== QUOTE; end++) {
      const byte = bytes[end]
      // also past the end of the text
      if (byte === undefined || byte < 0x20) throw new JsonTextError('not-json')
      if (byte === BACKSLASH) end = this.#escape(end)
    }
    this.#copy(end + 1 - this.#at)
    return this.#length
  }

  /** @returns the offset of the last byte of the escape sequence that begins at `start` */
  #escape (start: number): number {
    const bytes = this.#bytes
    if (ESCAPES.has(bytes[start + 1])) return start + 1
    if (bytes[start + 1] !== LOWER_U) throw new JsonTextError('not-json')
    for (let digit = 2; digit < 6; digit++) if (!isHexDigit(bytes[start + digit])) throw new JsonTextError('not-json')
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
    if (end === start) throw new JsonTextError('not-json')
    return end
  }

  #literal (first: number | undefined): void {
    const expected = LITERALS.get(first ?? 0)
    if (expected === undefined) throw new JsonTextError('not-json')
    for (let index = 1; index < expected.length; index++) if (this.#bytes[this.#at + index] !== expected[index]) throw new JsonTextError('not-json')
    this.#copy(expected.length)
  }

  #take (byte: number): void {
    if (!this.#takeIf(byte)) throw new JsonTextError('not-json')
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
