/** The program was called in a wrong way; the message says what is missing. */
export class UsageError extends Error {
  readonly code = 'USAGE'
}
