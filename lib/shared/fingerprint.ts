/** How many bytes at a log's beginning, and before the position, are remembered. */
export const FINGERPRINT_BYTES = 64

const NOTHING = new Uint8Array(0)

/**
 * A position in a log, and enough of the bytes before it to notice that the log is no longer the one that was read:
 * its first ones and the last ones. The first bytes alone are not enough (a log may be truncated and appended to), nor
 * are the last ones (some rewrites preserve them).
 */
export class LogFingerprint {
  #position: number
  #first: Uint8Array | undefined
  #last: Uint8Array = NOTHING

  /** @param position byte offset to begin at; what stands before it is not known */
  constructor (position = 0) {
    this.#position = position
    this.#first = position === 0 ? NOTHING : undefined
  }

  /** Byte offset after the last byte that was read. */
  get position (): number {
    return this.#position
  }

  /** What the log begins with, as far as that is known. */
  get first (): Uint8Array {
    return this.#first ?? NOTHING
  }

  /** What stands before the position, as far as that is known. */
  get last (): Uint8Array {
    return this.#last
  }

  /** These bytes were read at the position. */
  advance (bytes: Uint8Array): void {
    if (this.#first !== undefined && this.#first.length < FINGERPRINT_BYTES) {
      this.#first = joined(this.#first, bytes.subarray(0, FINGERPRINT_BYTES - this.#first.length))
    }
    this.#last = lastOf(bytes.length >= FINGERPRINT_BYTES ? bytes : joined(this.#last, bytes))
    this.#position += bytes.length
  }

  /** The position is another one, and only what stands around it was read. */
  moveTo (position: number, { first, last }: { first: Uint8Array, last: Uint8Array }): void {
    this.#position = position
    this.#first = Uint8Array.from(first.subarray(0, FINGERPRINT_BYTES))
    this.#last = lastOf(last)
  }
}

export function sameBytes (a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function joined (a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** A copy (a Buffer's `slice` is none): a large piece must not be kept alive by its last bytes. */
function lastOf (bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes.subarray(-FINGERPRINT_BYTES))
}
