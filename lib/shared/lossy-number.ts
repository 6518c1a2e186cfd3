const QUOTE = 0x22
const BACKSLASH = 0x5c
const LOWER_E = 0x65
const UPPER_E = 0x45
const NUMBER_BYTES: ReadonlySet<number | undefined> = new Set(new TextEncoder().encode('-+.0123456789eE'))
/** A shorter number without an exponent has at most 15 digits, which a double keeps. */
const MAX_SAFE_LENGTH = 15

const decoder = new TextDecoder()

/**
 * The first number in a JSON text that JavaScript changes, such as `12345678901234567890`, `1e400` or `0.12345678901234567890`;
 * undefined if there is none.
 * @param json valid JSON
 */
export function lossyNumber (json: Uint8Array): string | undefined {
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!
    if (byte === QUOTE) for (at++; at < json.length && json[at] !== QUOTE; at++) { if (json[at] === BACKSLASH) at++ }
    else if (isDigitOrMinus(byte)) {
      const start = at
      let hasExponent = false
      for (; NUMBER_BYTES.has(json[at]); at++) hasExponent ||= json[at] === LOWER_E || json[at] === UPPER_E
      if (!hasExponent && at - start <= MAX_SAFE_LENGTH) continue
      const text = decoder.decode(json.subarray(start, at))
      if (canonical(text) !== canonical(String(Number(text)))) return text
    }
  }
  return undefined
}

function isDigitOrMinus (byte: number): boolean {
  return byte === 0x2d || (byte >= 0x30 && byte <= 0x39)
}

/** The same text for equal numbers: the sign, the digits without zeros at the ends, and the exponent of the last digit. */
function canonical (number: string): string {
  const [, sign, integer, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? []
  // Infinity
  if (integer === undefined) return number
  const significant = `${integer}${fraction}`.replace(/^0+/, '')
  // not a regular expression: one would try each run of zeros again from each of its digits
  let end = significant.length
  while (significant[end - 1] === '0') end--
  const digits = significant.slice(0, end)
  if (digits === '') return '0'
  return `${sign}${digits}e${Number(exponent) - fraction.length + significant.length - digits.length}`
}
