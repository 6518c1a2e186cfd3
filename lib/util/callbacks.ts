// Calls of functions that a host or a user supplied: what they throw must not end the process.

/**
 * Calls a function. If it throws, or returns a promise that rejects, `onError` is called.
 * @returns its result; undefined if it threw
 */
export function callSafely<T> (call: () => T, onError: (error: unknown) => void): T | undefined {
  try {
    const result = call()
    if (isThenable(result)) result.then(undefined, onError)
    return result
  } catch (error) {
    onError(error)
    return undefined
  }
}

export function isThenable (value: unknown): value is PromiseLike<unknown> {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && 'then' in value && typeof value.then === 'function'
}

/** These methods of a logger, which do nothing where they fail: nothing is left to report the error to. */
export function safeLogger<T extends object, K extends keyof T> (logger: T, methods: readonly K[]): Pick<T, K> {
  const safe = methods.map((method) => [method, (...args: unknown[]) => {
    callSafely(() => (logger[method] as (...args: unknown[]) => unknown)(...args), () => {})
  }])
  return Object.fromEntries(safe) as Pick<T, K>
}
