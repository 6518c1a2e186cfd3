import { MAX_CONFIG_BYTES } from './command-limits.ts'
import type { JsonText } from './json-text.ts'

const BACKSLASH = 0x5c
const LOWER_U = 0x75
/** Bytes of an escape sequence such as `\u00e4`, of which a parser makes at least one byte. */
const ESCAPE_BYTES = 6

/**
 * Whether a member is an array or object whose JSON has more than `MAX_CONFIG_BYTES` bytes, with plain characters in place of
 * escape sequences. Such a config cannot be given to a command, and parsing it may take long.
 */
export function isLongStructure (text: JsonText, name: string): boolean {
  const raw = text.raw(name)
  if (raw === undefined || raw.length <= MAX_CONFIG_BYTES || text.isString(name)) return false
  let length = raw.length
  for (let at = raw.indexOf(BACKSLASH); at !== -1; at = raw.indexOf(BACKSLASH, at + 2)) if (raw[at + 1] === LOWER_U) length -= ESCAPE_BYTES - 1
  return length > MAX_CONFIG_BYTES
}
