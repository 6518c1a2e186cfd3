import { readFileSync } from 'node:fs'
import t from 'tap'
import { endOf, type Outcome } from '../../lib/processor/run/outcome.ts'
import { parseProcessStat, pidsAfter } from '../../lib/processor/os/process-stat.ts'
import { parseRecord } from '../../lib/processor/state/attempt-record.ts'
import { timeoutOf } from '../../lib/processor/command/task-input.ts'
import type { Task } from '../../lib/shared/task-schema.ts'

t.test('how a command ended, and what is written of it', async (t) => {
  const ended: Outcome = { exitCode: 0, stopped: undefined, timeoutMs: undefined, allGone: true, drained: 0, adopted: false }
  const table: Array<[outcome: Partial<Outcome>, status: string, errorMessage: RegExp | null]> = [
    [{}, 'completed', null],
    [{ exitCode: 7 }, 'failed', /^Exited with code 7\.$/],
    [{ exitCode: null }, 'failed', /end was not seen/],
    [{ stopped: 'cancelled', exitCode: 143 }, 'cancelled', /^Cancelled\.$/],
    [{ stopped: 'cancelled', exitCode: 0 }, 'cancelled', /^Cancelled\.$/],
    [{ stopped: 'timed out', exitCode: 137, timeoutMs: 50 }, 'failed', /^Timed out after 50 ms\.$/],
    [{ stopped: 'processor stopped', exitCode: 143 }, 'failed', /^The processor was stopped\.$/],
    [{ exitCode: null, adopted: true }, 'failed', /ended, and the processor with it/],
    [{ drained: 1 }, 'failed', /^Output was lost: .* code 0\.$/],
    [{ drained: null }, 'completed', /^The end of its output may be missing/],
    [{ drained: 153 }, 'completed', /^The log has reached its limit; further output was dropped\.$/],
    [{ drained: 153, exitCode: 2 }, 'failed', /^Exited with code 2\. The log has reached its limit/],
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
  const rest = '0 -1 4194304 111 0 1 0 0 0 0 0 20 0 1 0 67762 2560000 337'
  t.strictSame(parseProcessStat(`12 (sh) S 1 10 9 ${rest}`), { pid: 12, state: 'S', group: 10, session: 9, startTicks: 67762 })
  t.strictSame(parseProcessStat(`12 (a) Z 3 (b) R 1 10 9 ${rest}`), { pid: 12, state: 'R', group: 10, session: 9, startTicks: 67762 })
  t.strictSame(parseProcessStat(`12 (new\nline)) D 1 10 9 ${rest}`), { pid: 12, state: 'D', group: 10, session: 9, startTicks: 67762 })
  for (const text of ['', '12', `x (sh) S 1 10 9 ${rest}`, '12 (sh) S 1 10 9 0 -1']) t.equal(parseProcessStat(text), undefined)
})

t.test('the numbers of later processes', async (t) => {
  const most = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'))
  const table: Array<[first: number, forks: number, last: number, pid: number, may: boolean]> = [
    [5000, 0, 5000, 5000, true], [5000, 0, 5000, 5001, false], [5000, 0, 5000, 4999, false],
    [5000, 2, 5003, 5003, true], [5000, 2, 5003, 5004, false], [5000, 2, 5003, 4999, false],
    // behind the largest they begin again
    [most - 2, 5, 5, 5, true], [most - 2, 5, 5, most - 1, true], [most - 2, 5, 5, 6, false], [most - 2, 5, 5, most - 3, false],
    // they may have gone all the way round
    [5000, most, 5003, 4999, true], [5000, NaN, 5003, 4999, true],
    // used up by forks that failed
    [5000, 10, 5000 + most / 8 + 20, 4999, false], [5000, 10, 5000 + most / 8 + 21, 4999, true]
  ]
  for (const [first, forks, last, pid, may] of table) {
    t.equal(pidsAfter(first, forks, last)(pid), may, `${pid} after ${first} and ${forks} forks, the last one ${last}`)
  }
})

t.test('timeouts of others', async (t) => {
  const table: Array<[value: unknown, timeout: number | undefined]> = [
    [undefined, undefined], [null, undefined], ['5', undefined], [0, undefined], [-1, undefined], [1.5, undefined], [NaN, undefined],
    [1, 1], [60_000, 60_000], [1e15, 2 ** 31 - 1]
  ]
  for (const [value, timeout] of table) t.equal(timeoutOf({ timeoutMs: value } as Task), timeout, String(value))
})

t.test('a record says what its whole lines say', async (t) => {
  const header = { version: 1, id: 'task_1_a', nonce: 'n', bootId: 'b', type: 'custom' }
  const first = `${JSON.stringify(header)}\n`
  const leader = 'leader 12 (sh) S 1 10 9 0 -1 4194304 111 0 1 0 0 0 0 0 20 0 1 0 67762 2560000 337'
  const table: Array<[text: string, record: object | undefined]> = [
    ['', undefined], ['{"version": 2}\n', undefined], [first.slice(0, -1), undefined], ['null\n', undefined],
    [first, { header }],
    [`${first}${leader}`, { header }],
    [`${first}${leader}\n`, { header, leader: { pid: 12, startTicks: 67762 } }],
    [`${first}started\nunstarted\n`, { header, gate: 'started' }],
    [`${first}unstarted\nexit 0\n`, { header, gate: 'unstarted', exitCode: 0 }],
    [`${first}stop timed out\nstop cancelled\nexit 143\nexit 0\ndrained 0\n`, { header, stop: 'timed out', exitCode: 143, drained: 0 }],
    [`${first}exit 14`, { header }],
    [`${first}noise\n\nleader nobody\n`, { header }]
  ]
  for (const [text, record] of table) t.strictSame(parseRecord(text), record, JSON.stringify(text))
})
