/** A pseudo-random generator. */
export interface Random {
  /** A number from 0 to 1, excluding 1. */
  (): number
  /** An integer from 0 to `limit`, excluding `limit`. */
  below (limit: number): number
  /** One of the values. */
  pick<T> (values: readonly T[]): T
}

/** The mulberry32 generator: the same seed gives the same numbers on every machine. */
export function randomFrom (seed: number): Random {
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
  const below = (limit: number) => Math.floor(random() * limit)
  return Object.assign(random, { below, pick: <T>(values: readonly T[]): T => values[below(values.length)]! })
}
