import t from 'tap'
import { parseRecord } from '../../lib/processor/state/attempt-record.ts'

const HEADER = { version: 1, id: 'task_1_a', nonce: 'n', bootId: 'b', type: 'custom' }
const FIRST = `${JSON.stringify(HEADER)}\n`
const LEADER = 'leader 12 (sh) S 1 10 9 0 -1 4194304 111 0 1 0 0 0 0 0 20 0 1 0 67762 2560000 337'

t.test('text without a complete header is not a record', async (t) => {
  for (const text of ['', '{"version": 2}\n', FIRST.slice(0, -1), 'null\n']) t.equal(parseRecord(text), undefined, JSON.stringify(text))
})

const TABLE: Array<[name: string, lines: string, record: object]> = [
  ['with only a header has no facts', '', {}],
  ['ignores an incomplete last line', LEADER, {}],
  ['holds the identity of the leader', `${LEADER}\n`, { leader: { pid: 12, startTicks: 67762 } }],
  ['keeps the first state of the start gate', 'started\nunstarted\n', { gate: 'started' }],
  ['holds an exit code of a command that never started', 'unstarted\nexit 0\n', { gate: 'unstarted', exitCode: 0 }],
  ['keeps the first stop reason and exit code', 'stop timed-out\nstop cancelled\nexit 143\nexit 0\ndrained 0\n',
    { stop: 'timed-out', exitCode: 143, drained: 0 }],
  ['of an earlier version with "stop timed out" holds the stop reason', 'stop timed out\n', { stop: 'timed-out' }],
  ['of an earlier version with "stop processor stopped" holds the stop reason', 'stop processor stopped\n', { stop: 'processor-stopped' }],
  ['ignores an unknown stop reason', 'stop because\n', {}],
  ['ignores an exit code in an incomplete line', 'exit 14', {}],
  ['ignores unknown words and invalid values', 'noise\n\nleader unknown\n', {}]
]

for (const [name, lines, facts] of TABLE) {
  t.test(`a record ${name}`, async (t) => {
    t.strictSame(parseRecord(FIRST + lines), { header: HEADER, ...facts })
  })
}
