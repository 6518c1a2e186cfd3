/** How many bytes at the beginning of a log, and how many before the position, are remembered. */
export const FINGERPRINT_BYTES = 64

const NOTHING = new Uint8Array(0)

/**
 * A position in a log with the first bytes of the log and the last bytes before the position. Comparing them with the log
 * shows whether it was truncated or rewritten. Both are needed: a log may be truncated and get the same beginning again,
 * and a rewritten log may have the same bytes before the position.
 */
export class LogFingerprint {
  #position: number
  #first: Uint8Array | undefined
  #last: Uint8Array = NOTHING

  /** @param position byte offset at which reading starts; the bytes before it are unknown */
  constructor (position = 0) {
    this.#position = position
    this.#first = position === 0 ? NOTHING : undefined
  }

  /** Byte offset after the last byte that was read. */
  get position (): number {
    return this.#position
  }

  /** The first bytes of the log, empty while unknown. */
  get first (): Uint8Array {
    return this.#first ?? NOTHING
  }

  /** The bytes before the position, empty while unknown. */
  get last (): Uint8Array {
    return this.#last
  }

  /** Adds bytes that were read at the position. */
  advance (bytes: Uint8Array): void {
    if (this.#first !== undefined && this.#first.length < FINGERPRINT_BYTES) {
      this.#first = joined(this.#first, bytes.subarray(0, FINGERPRINT_BYTES - this.#first.length))
    }
    this.#last = lastOf(bytes.length >= FINGERPRINT_BYTES ? bytes : joined(this.#last, bytes))
    this.#position += bytes.length
  }

  /** Sets another position, with the first bytes of the log and the bytes before that position. */
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

/** Copies (unlike `Buffer.slice`): a view would keep the whole piece in memory. */
function lastOf (bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes.subarray(-FINGERPRINT_BYTES))
}
