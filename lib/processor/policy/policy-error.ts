/** A policy file cannot be used; the message starts with the invalid place, such as `types/deploy/argv/1: …`. */
export class PolicyError extends Error {
  readonly code = 'POLICY'
}

/**
 * Adds the place in the policy to errors.
 * @throws PolicyError with the message `<path>: <message>` if `read` throws
 */
export function at<T> (path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new PolicyError(`${path}: ${(error as Error).message}`)
  }
}
