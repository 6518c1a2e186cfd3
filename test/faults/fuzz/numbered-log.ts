const LINE_BYTES = 16

/** A log of numbered lines, so that the bytes at each position are known. */
export class NumberedLog {
  size = 0

  static bytes (start: number, end: number): Buffer {
    const first = Math.floor(start / LINE_BYTES)
    const lines = Array.from({ length: Math.ceil(end / LINE_BYTES) - first }, (_, index) => `${String(first + index).padStart(LINE_BYTES - 1, '0')}\n`)
    return Buffer.from(lines.join('')).subarray(start - first * LINE_BYTES, end - first * LINE_BYTES)
  }

  /** Appends that many bytes, and counts them then. */
  async grow (length: number, append: (bytes: Buffer) => Promise<void>): Promise<void> {
    await append(NumberedLog.bytes(this.size, this.size + length))
    this.size += length
  }
}
