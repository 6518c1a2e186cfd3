import { readdirSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a process holds. */
export interface Held {
  /** JavaScript objects and buffers, after garbage collection. */
  readonly bytes: number
  readonly descriptors: number
}

/** Collects garbage, then says what this process holds. */
export async function collected (): Promise<Held> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  // finalizers run between the collections
  for (let round = 0; round < 4; round++) {
    gc()
    await setImmediate()
  }
  const { heapUsed, external } = process.memoryUsage()
  return { bytes: heapUsed + external, descriptors: readdirSync('/proc/self/fd').length }
}
