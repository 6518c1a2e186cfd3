import { parseLock } from '../protocol/lock-file.ts'

/** The processor cannot start; the message says why and what to do. */
export class ProcessorStartError extends Error {
  readonly code = 'PROCESSOR_START'
}

/** @param lockText the content of the other processor's lock */
export function alreadyRunning (lockText: string): ProcessorStartError {
  const { pid } = parseLock(lockText)
  return new ProcessorStartError(`Another processor is running in this directory (process ${pid ?? 'unknown'}).`)
}

/** Wraps system errors (disk full, out of descriptors), which need no stack trace; other errors are returned unchanged. */
export function asStartError (error: unknown): unknown {
  return error instanceof Error && 'syscall' in error ? new ProcessorStartError(`The processor cannot start: ${error.message}`) : error
}
