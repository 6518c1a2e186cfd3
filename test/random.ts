export interface Random {
  /** From 0 to 1. */
  (): number
  /** An integer below `limit`. */
  below (limit: number): number
  pick<T> (values: readonly T[]): T
}

/** mulberry32: small, and the same numbers from the same seed everywhere. */
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
