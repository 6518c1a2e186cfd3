import { sameBytes } from '../shared/fingerprint.ts'

/**
 * Removes the beginning of a stream that repeats known bytes. A read that begins a few bytes before the position shows
 * whether the log is still the one that was read before.
 */
export class Overlap {
  readonly #expected: Uint8Array
  #received: Buffer = Buffer.alloc(0)

  constructor (expected: Uint8Array) {
    this.#expected = expected
  }

  /**
   * Call it with each chunk of the stream.
   * @returns the bytes of the chunk that follow the overlap; undefined if the overlap differs from the expected bytes
   */
  remove (chunk: Buffer): Buffer | undefined {
    const { length } = this.#expected
    if (this.#received.length >= length) return chunk
    this.#received = Buffer.concat([this.#received, chunk])
    if (this.#received.length < length) return Buffer.alloc(0)
    return sameBytes(this.#received.subarray(0, length), this.#expected) ? this.#received.subarray(length) : undefined
  }
}
