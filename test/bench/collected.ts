import { readdirSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a process holds. */
export interface Held {
  /** JavaScript objects and buffers, after garbage collection. */
  readonly bytes: number
  /** Before it: a descriptor that waits for it may wait for long. */
  readonly descriptors: number
}

/** Collects garbage, and says what this process holds. */
export async function collected (): Promise<Held> {
  const descriptors = readdirSync('/proc/self/fd').length
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  // finalizers run between the collections
  for (let round = 0; round < 4; round++) {
    gc()
    await setImmediate()
  }
  const { heapUsed, external } = process.memoryUsage()
  return { bytes: heapUsed + external, descriptors }
}
