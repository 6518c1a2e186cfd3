import { MAX_CONFIG_BYTES } from './command-limits.ts'
import type { JsonText } from './json-text.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LOWER_U = 0x75
const NUMBER_BYTES: ReadonlySet<number> = new Set(new TextEncoder().encode('-+.0123456789eE'))

/**
 * Whether a member is an array or object whose JSON has more than `MAX_CONFIG_BYTES` bytes. Such a config cannot be given to a
 * command, and parsing it may take long.
 */
export function isLongStructure (text: JsonText, name: string): boolean {
  const raw = text.raw(name)
  return raw !== undefined && raw.length > MAX_CONFIG_BYTES && !text.isString(name) && minimumLength(raw) > MAX_CONFIG_BYTES
}

/**
 * The least number of bytes that `JSON.stringify` could write for a JSON text without repeated names: an escape sequence may
 * become one byte, and a number one digit.
 */
function minimumLength (json: Uint8Array): number {
  let length = 0
  let isInString = false
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!
    if (byte === QUOTE) isInString = !isInString
    else if (isInString && byte === BACKSLASH) at += json[at + 1] === LOWER_U ? 5 : 1
    else if (!isInString && NUMBER_BYTES.has(byte) && NUMBER_BYTES.has(json[at - 1]!)) length--
    length++
  }
  return length
}
