/** Why a processor can't run here; the message says what to do. */
export class ProcessorStartError extends Error {
  readonly code = 'PROCESSOR_START'
}

/** @param text what the lock of the other one says */
export function alreadyRunning (text: string): ProcessorStartError {
  return new ProcessorStartError(`Another processor is running in this directory (process ${parseInt(text, 10)}).`)
}

/** Wraps system errors (disk full, out of descriptors), which need no stack trace; other errors are returned unchanged. */
export function asStartError (error: unknown): unknown {
  return error instanceof Error && 'syscall' in error ? new ProcessorStartError(`The processor can't start: ${error.message}`) : error
}
