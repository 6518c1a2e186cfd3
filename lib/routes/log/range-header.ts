export interface ByteRange {
  /** Byte offset of the first byte. */
  readonly start: number
  /** Byte offset after the last byte. */
  readonly end: number
}

/**
 * Parses a `Range` header (RFC 9110, section 14.1.2).
 * @param size of the log, in bytes
 * @returns undefined if the header is absent, malformed, of another unit, or has several ranges: everything is sent.
 * `unsatisfiable` if the range does not overlap the log
 */
export function parseRange (header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') return lastBytes(Number(last), size)
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) }
}

function lastBytes (count: number, size: number): ByteRange | 'unsatisfiable' {
  return count === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - count), end: size }
}
