const BYTE_ORDER_MARK = Buffer.from('\uFEFF')

/** Programs on Windows may begin a text with a byte order mark. @returns a view of the bytes after it */
export function withoutByteOrderMark (bytes: Buffer): Buffer {
  return BYTE_ORDER_MARK.equals(bytes.subarray(0, BYTE_ORDER_MARK.length)) ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes
}
