/** The processor's logger: one line per call. Never log a command, its output or its environment. */
export interface Logger {
  info (line: string): void
  warn (line: string): void
}
