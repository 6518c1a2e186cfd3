/** Invalid command-line usage; the message explains the problem. */
export class UsageError extends Error {
  readonly code = 'USAGE'
}
