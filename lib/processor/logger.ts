/** Where a processor says what it does: one line a call. Never a command, its output or its environment. */
export interface Logger {
  info (line: string): void
  warn (line: string): void
}
