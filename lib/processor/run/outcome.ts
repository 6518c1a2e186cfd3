import type { Task } from '../../shared/task-schema.ts'
import type { StopReason } from './stop-reason.ts'

/** 128 and the number of SIGXFSZ, which the writer of the log receives at the size limit. */
const OVER_LIMIT = 153

/** What is known about a command when nothing of it is left. */
export interface CommandResult {
  /** As the wrapper reported it; null if it could not. */
  readonly exitCode: number | null
  /** Undefined: the processor did not stop the command. */
  readonly stopReason: StopReason | undefined
  readonly timeoutMs: number | undefined
  /** Whether no process of the command is left. */
  readonly allGone: boolean
  /** Exit code of the log's writer; null: it was killed. */
  readonly drained: number | null
  /** Whether the command was started by an earlier processor. */
  readonly adopted: boolean
}

/** The final status of a task. */
export type Outcome = Pick<Task, 'status' | 'exitCode' | 'errorMessage'> & { status: 'completed' | 'failed' | 'cancelled' }

/** The exit code is the command's own, also if the processor stopped it. */
export function outcomeOf (result: CommandResult): Outcome {
  const { status, errorMessage } = statusOf(result)
  const notes = errorMessage === null ? [] : [errorMessage]
  if (result.drained === OVER_LIMIT) notes.push('The log has reached its limit; further output was dropped.')
  // not needed if the error message already explains it
  if (result.drained === null && errorMessage === null) notes.push('Output may be incomplete: the process writing the log was killed.')
  if (!result.allGone) notes.push('Some of its processes could not be killed.')
  return { status, exitCode: result.exitCode, errorMessage: notes.length === 0 ? null : notes.join(' ') }
}

function statusOf ({ exitCode, stopReason, timeoutMs, drained, adopted }: CommandResult): Pick<Outcome, 'status' | 'errorMessage'> {
  if (stopReason === 'cancelled') return { status: 'cancelled', errorMessage: 'Cancelled.' }
  if (stopReason === 'timed-out') return failed(`Timed out after ${timeoutMs} ms.`)
  if (stopReason === 'processor-stopped') return failed('The processor was stopped.')
  if (exitCode === null) {
    return failed(adopted
      ? 'The command and the processor were both terminated while it was running.'
      : 'The exit status is unknown: the wrapper process was killed.')
  }
  if (drained !== 0 && drained !== null && drained !== OVER_LIMIT) {
    return failed(`Output was lost: the log could not be written. Exited with code ${exitCode}.`)
  }
  return exitCode === 0 ? { status: 'completed', errorMessage: null } : failed(`Exited with code ${exitCode}.`)
}

function failed (errorMessage: string): Pick<Outcome, 'status' | 'errorMessage'> {
  return { status: 'failed', errorMessage }
}
