/** Why a processor can't run here; the message says what to do. */
export class ProcessorStartError extends Error {
  readonly code = 'PROCESSOR_START'
}

/** @param text what the lock of the other one says */
export function alreadyRunning (text: string): ProcessorStartError {
  return new ProcessorStartError(`Another processor is running in this directory (process ${parseInt(text, 10)}).`)
}
