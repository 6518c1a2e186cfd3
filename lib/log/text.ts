import { isUtf8 } from 'node:buffer'

/** Bytes of a log as text. */
export interface TextChunk {
  /** Byte offset of the first byte. */
  readonly offset: number
  /** Byte offset after the last byte. */
  readonly end: number
  readonly chunk: string
  /** The bytes are not valid UTF-8. */
  readonly lossy?: true
}

export function textChunk (offset: number, bytes: Buffer): TextChunk {
  return { offset, end: offset + bytes.length, chunk: bytes.toString('utf8'), ...(!isUtf8(bytes) && { lossy: true }) }
}

/**
 * The number of bytes without an incomplete last character (1 to 3 bytes), which may be completed by later bytes. Bytes
 * that cannot begin a character count as complete, because no later bytes would complete them.
 */
export function completeLength (bytes: Uint8Array): number {
  const size = bytes.length
  for (let back = 1; back <= 3 && back <= size; back++) {
    const byte = bytes[size - back]!
    if (byte < 0x80) return size
    if (byte >= 0xc0) return sequenceLength(byte) > back ? size - back : size
  }
  return size
}

/** UTF-8 sequence length for a lead byte (RFC 3629); 1 for invalid lead bytes. */
function sequenceLength (lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2
  if (lead >= 0xe0 && lead <= 0xef) return 3
  if (lead >= 0xf0 && lead <= 0xf4) return 4
  return 1
}
