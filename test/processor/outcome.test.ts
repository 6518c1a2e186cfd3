import t from 'tap'
import { outcomeOf, type CommandResult } from '../../lib/processor/run/outcome.ts'

const SUCCESS: CommandResult = { exitCode: 0, stopReason: undefined, timeoutMs: undefined, allGone: true, drained: 0, adopted: false }

const TABLE: Array<[name: string, result: Partial<CommandResult>, status: string, errorMessage: string | null]> = [
  ['exit code 0', {}, 'completed', null],
  ['another exit code', { exitCode: 7 }, 'failed', 'Exited with code 7.'],
  ['an unknown exit code', { exitCode: null }, 'failed', 'The exit status is unknown: the wrapper process was killed.'],
  ['an unknown exit code of an adopted command', { exitCode: null, adopted: true }, 'failed',
    'The command and the processor were both terminated while it was running.'],
  ['a cancelled command', { stopReason: 'cancelled', exitCode: 143 }, 'cancelled', 'Cancelled.'],
  ['a cancelled command with exit code 0', { stopReason: 'cancelled', exitCode: 0 }, 'cancelled', 'Cancelled.'],
  ['a timeout', { stopReason: 'timed-out', exitCode: 137, timeoutMs: 50 }, 'failed', 'Timed out after 50 ms.'],
  ['a stopped processor', { stopReason: 'processor-stopped', exitCode: 143 }, 'failed', 'The processor was stopped.'],
  ['a failed log writer', { drained: 1 }, 'failed', 'Output was lost: the log could not be written. Exited with code 0.'],
  ['a killed log writer', { drained: null }, 'completed', 'Output may be incomplete: the process writing the log was killed.'],
  ['a killed log writer of a failed command', { drained: null, exitCode: 7 }, 'failed', 'Exited with code 7.'],
  ['a log at its limit', { drained: 153 }, 'completed', 'The log has reached its limit; further output was dropped.'],
  ['a log at its limit of a failed command', { drained: 153, exitCode: 2 }, 'failed',
    'Exited with code 2. The log has reached its limit; further output was dropped.'],
  ['processes that survive KILL', { allGone: false }, 'completed', 'Some of its processes could not be killed.'],
  ['processes that survive KILL after a cancellation', { allGone: false, stopReason: 'cancelled' }, 'cancelled',
    'Cancelled. Some of its processes could not be killed.']
]

for (const [name, result, status, errorMessage] of TABLE) {
  t.test(`the outcome of ${name} is "${status}" with its message`, async (t) => {
    const outcome = outcomeOf({ ...SUCCESS, ...result })
    t.strictSame(outcome, { status, errorMessage, exitCode: result.exitCode === undefined ? 0 : result.exitCode })
  })
}
