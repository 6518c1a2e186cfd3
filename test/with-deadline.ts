import { inspect } from 'node:util'
import { WAIT_MS } from './wait-for.ts'

/**
 * Settles as `promise` does, or rejects after the timeout.
 * @param describe returns what the test saw, for the error
 * @param timeout in ms; default: WAIT_MS
 */
export async function withDeadline<T> (promise: Promise<T>, describe: () => unknown, timeout = WAIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(async () => {
      const seen = inspect(await Promise.resolve().then(describe).catch((error: unknown) => error), { depth: 5 })
      reject(new Error(`Not settled after ${timeout} ms; saw ${seen}`))
    }, timeout)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
