import t from 'tap'
import { isGateDecided, neverStarted, parseRecord, wasStarted, type AttemptRecord } from '../../lib/processor/state/attempt-record.ts'

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
  ['ignores unknown words and invalid values', 'noise\n\nleader unknown\n', {}],
  ['ignores words that are names of object properties', 'constructor x\n__proto__ x\n', {}],
  ['says whether the writer of the log waits for space', 'full\nroom\nfull\n', { full: true }],
  ['says that the task file has its outcome', 'ended\n', { finished: true }]
]

for (const [name, lines, facts] of TABLE) {
  t.test(`a record ${name}`, async (t) => {
    t.strictSame(parseRecord(FIRST + lines), { header: HEADER, ...facts })
  })
}

t.test('a header of an earlier version names the fork server "launcher"', async (t) => {
  t.strictSame(parseRecord(`${JSON.stringify({ ...HEADER, launcher: 'f' })}\n`), { header: { ...HEADER, forkServer: 'f' } })
})

const LEADER_FACT = { leader: { pid: 12, startTicks: 67762 } }

/** Whether the gate is decided while the leader runs, and after it exited; whether the command never started, or was started. */
const PHASES: Array<[facts: Partial<AttemptRecord>, running: boolean, exited: boolean, never: boolean, was: boolean]> = [
  // no process yet
  [{}, true, true, false, false],
  // at the gate; if it exits without a further line, it may have executed the command
  [LEADER_FACT, false, true, false, true],
  [{ ...LEADER_FACT, gate: 'started' }, true, true, false, true],
  [{ ...LEADER_FACT, gate: 'started', exitCode: 0 }, true, true, false, true],
  [{ ...LEADER_FACT, gate: 'unstarted' }, true, true, true, false],
  // the process at the gate was killed, and its wrapper recorded that
  [{ ...LEADER_FACT, exitCode: 137 }, false, true, true, false],
  [{ exitCode: 1 }, true, true, true, false]
]

t.test('the start of a command is derived from its record', async (t) => {
  for (const [facts, running, exited, never, was] of PHASES) {
    const record: AttemptRecord = { header: { ...HEADER, version: 1 }, ...facts }
    const name = JSON.stringify(facts)
    t.equal(isGateDecided(record, () => true), running, `isGateDecided while the leader runs: ${name}`)
    t.equal(isGateDecided(record, () => false), exited, `isGateDecided after the leader exited: ${name}`)
    t.equal(neverStarted(record), never, `neverStarted: ${name}`)
    t.equal(wasStarted(record), was, `wasStarted: ${name}`)
  }
})
