import type { Task } from '../../shared/task-schema.ts'

/**
 * Why a command was ended before it ended by itself. `deleted`: its task's file is gone. `disowned`: another party has
 * written a final status.
 */
export type StopReason = 'cancelled' | 'timed out' | 'processor stopped' | 'deleted' | 'disowned'

/** 128 and the number of SIGXFSZ, which the log's writer gets at the limit. */
const OVER_LIMIT = 153

export interface Outcome {
  /** As the command reported it; null where it could not. */
  readonly exitCode: number | null
  readonly stopped: StopReason | undefined
  readonly timeoutMs: number | undefined
  /** Whether no process of the command is left. */
  readonly allGone: boolean
  /** Exit code of the log's writer; null: it was killed. */
  readonly drained: number | null
  /** Whether the processor that began it ended before it. */
  readonly adopted: boolean
}

export type End = Pick<Task, 'status' | 'exitCode' | 'errorMessage'> & { status: 'completed' | 'failed' | 'cancelled' }

/** What a task's file says of a command that has ended. The exit code is the command's own also where it was stopped. */
export function endOf (outcome: Outcome): End {
  const { status, errorMessage } = statusOf(outcome)
  const notes = errorMessage === null ? [] : [errorMessage]
  if (outcome.drained === OVER_LIMIT) notes.push('The log has reached its limit; further output was dropped.')
  // not needed if the error message already explains it
  if (outcome.drained === null && errorMessage === null) notes.push('Output may be incomplete: the process writing the log was killed.')
  if (!outcome.allGone) notes.push('Some of its processes could not be killed.')
  return { status, exitCode: outcome.exitCode, errorMessage: notes.length === 0 ? null : notes.join(' ') }
}

function statusOf ({ exitCode, stopped, timeoutMs, drained, adopted }: Outcome): Pick<End, 'status' | 'errorMessage'> {
  if (stopped === 'cancelled') return { status: 'cancelled', errorMessage: 'Cancelled.' }
  if (stopped === 'timed out') return { status: 'failed', errorMessage: `Timed out after ${timeoutMs} ms.` }
  if (stopped === 'processor stopped') return { status: 'failed', errorMessage: 'The processor was stopped.' }
  if (exitCode === null && adopted) return { status: 'failed', errorMessage: 'The command and the processor were both terminated while it was running.' }
  if (exitCode === null) return { status: 'failed', errorMessage: 'The exit status is unknown: the wrapper process was killed.' }
  if (drained !== 0 && drained !== null && drained !== OVER_LIMIT) {
    return { status: 'failed', errorMessage: `Output was lost: the log could not be written. Exited with code ${exitCode}.` }
  }
  return exitCode === 0
    ? { status: 'completed', errorMessage: null }
    : { status: 'failed', errorMessage: `Exited with code ${exitCode}.` }
}
