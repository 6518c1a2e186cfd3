import t from 'tap'
import { endOf, type Outcome } from '../../lib/processor/outcome.ts'
import { parseProcessStat } from '../../lib/processor/process-group.ts'
import { timeoutOf } from '../../lib/processor/task-input.ts'
import type { Task } from '../../lib/task-schema.ts'

t.test('how a command ended, and what is written of it', async (t) => {
  const ended: Outcome = { exitCode: 0, stopped: undefined, timeoutMs: undefined, allGone: true, logComplete: true }
  const table: Array<[outcome: Partial<Outcome>, status: string, errorMessage: RegExp | null]> = [
    [{}, 'completed', null],
    [{ exitCode: 7 }, 'failed', /^Exited with code 7\.$/],
    [{ exitCode: null }, 'failed', /end was not seen/],
    [{ stopped: 'cancelled', exitCode: 143 }, 'cancelled', /^Cancelled\.$/],
    [{ stopped: 'cancelled', exitCode: 0 }, 'cancelled', /^Cancelled\.$/],
    [{ stopped: 'timed out', exitCode: 137, timeoutMs: 50 }, 'failed', /^Timed out after 50 ms\.$/],
    [{ stopped: 'processor stopped', exitCode: 143 }, 'failed', /^The processor was stopped\.$/],
    [{ logComplete: false }, 'failed', /^Output was lost: .* code 0\.$/],
    [{ allGone: false }, 'completed', /^Some of its processes could not be killed\.$/],
    [{ allGone: false, stopped: 'cancelled' }, 'cancelled', /^Cancelled\. Some of its processes/]
  ]
  for (const [outcome, status, errorMessage] of table) {
    const end = endOf({ ...ended, ...outcome })
    t.match(end, { status, errorMessage }, JSON.stringify(outcome))
    t.equal(end.exitCode, outcome.exitCode === undefined ? 0 : outcome.exitCode)
  }
})

t.test('/proc/PID/stat, whatever a process calls itself', async (t) => {
  t.strictSame(parseProcessStat('12 (sh) S 1 10 9 0 -1 4194304'), { pid: 12, state: 'S', group: 10, session: 9 })
  t.strictSame(parseProcessStat('12 (a) Z 3 (b) R 1 10 9 0'), { pid: 12, state: 'R', group: 10, session: 9 })
  t.strictSame(parseProcessStat('12 (new\nline)) D 1 10 9 0'), { pid: 12, state: 'D', group: 10, session: 9 })
  for (const text of ['', '12', 'x (sh) S 1 10 9']) t.equal(parseProcessStat(text), undefined)
})

t.test('timeouts of others', async (t) => {
  const table: Array<[value: unknown, timeout: number | undefined]> = [
    [undefined, undefined], [null, undefined], ['5', undefined], [0, undefined], [-1, undefined], [1.5, undefined], [NaN, undefined],
    [1, 1], [60_000, 60_000], [1e15, 2 ** 31 - 1]
  ]
  for (const [value, timeout] of table) t.equal(timeoutOf({ timeoutMs: value } as Task), timeout, String(value))
})
