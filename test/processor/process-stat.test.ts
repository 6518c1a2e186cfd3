import { readFileSync } from 'node:fs'
import t from 'tap'
import { pidsAfter } from '../../lib/processor/os/pid-range.ts'
import { parseProcessStat } from '../../lib/processor/os/process-stat.ts'

const REST = '0 -1 4194304 111 0 1 0 0 0 0 0 20 0 1 0 67762 2560000 337'

t.test('/proc/PID/stat is parsed whatever the process is named', async (t) => {
  t.strictSame(parseProcessStat(`12 (sh) S 1 10 9 ${REST}`), { pid: 12, state: 'S', group: 10, session: 9, startTicks: 67762 })
  t.strictSame(parseProcessStat(`12 (a) Z 3 (b) R 1 10 9 ${REST}`), { pid: 12, state: 'R', group: 10, session: 9, startTicks: 67762 })
  t.strictSame(parseProcessStat(`12 (new\nline)) D 1 10 9 ${REST}`), { pid: 12, state: 'D', group: 10, session: 9, startTicks: 67762 })
})

t.test('text that is not /proc/PID/stat is rejected', async (t) => {
  for (const text of ['', '12', `x (sh) S 1 10 9 ${REST}`, '12 (sh) S 1 10 9 0 -1']) t.equal(parseProcessStat(text), undefined, text)
})

const MOST = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'))

const PIDS: Array<[name: string, cases: Array<[first: number, forks: number, last: number, pid: number, isPossible: boolean]>]> = [
  ['lie between the first pid and the last one', [
    [5000, 0, 5000, 5000, true], [5000, 0, 5000, 5001, false], [5000, 0, 5000, 4999, false],
    [5000, 2, 5003, 5003, true], [5000, 2, 5003, 5004, false], [5000, 2, 5003, 4999, false]
  ]],
  ['wrap around at pid_max', [[MOST - 2, 5, 5, 5, true], [MOST - 2, 5, 5, MOST - 1, true], [MOST - 2, 5, 5, 6, false], [MOST - 2, 5, 5, MOST - 3, false]]],
  ['are any pids after as many forks as there are pids, or an unknown number of forks', [[5000, MOST, 5003, 4999, true], [5000, NaN, 5003, 4999, true]]],
  ['are any pids if failed forks may have used up the others', [[5000, 10, 5000 + MOST / 8 + 20, 4999, false], [5000, 10, 5000 + MOST / 8 + 21, 4999, true]]]
]

for (const [name, cases] of PIDS) {
  t.test(`pids of later processes ${name}`, async (t) => {
    for (const [first, forks, last, pid, isPossible] of cases) {
      t.equal(pidsAfter(first, forks, last)(pid), isPossible, `${pid} after ${first} and ${forks} forks, the last one ${last}`)
    }
  })
}
