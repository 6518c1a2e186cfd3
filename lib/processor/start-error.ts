/** Why a processor can't run here; the message says what to do. */
export class ProcessorStartError extends Error {
  readonly code = 'PROCESSOR_START'
}
