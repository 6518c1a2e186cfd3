import t from 'tap'
import { OutputDrain, type DrainAction, type DrainState } from '../../lib/processor/command/output-drain.ts'

const BASE: DrainState = { now: 0, isDiskFull: false, isHurried: false, finishesOnSignal: true, logSize: () => 100, isIdle: () => true }

/** The actions for a sequence of states; each one completes the state before. */
function actions (...states: Array<Partial<DrainState>>): DrainAction[] {
  const drain = new OutputDrain(0)
  let state = BASE
  return states.map((changes) => drain.next(state = { ...state, ...changes }))
}

t.test('a wrapper without new output is asked to finish, after two checks of the log', async (t) => {
  t.strictSame(actions({ now: 100 }, { now: 500 }, { now: 900 }, { now: 1000 }), ['wait', 'wait', 'wait', 'finish'])
})

t.test('a growing log is waited for, at most 5 s', async (t) => {
  let size = 0
  const logSize = () => size++
  t.strictSame(actions({ logSize, now: 500 }, { now: 1000 }, { now: 5000 }, { now: 5500 }), ['wait', 'wait', 'wait', 'finish'])
})

t.test('a wrapper that cannot finish at a signal is killed when it is idle', async (t) => {
  t.strictSame(actions({ finishesOnSignal: false, now: 500, isIdle: () => false }, { now: 1000 }, { now: 1500, isIdle: () => true }), ['wait', 'wait', 'kill'])
})

t.test('a wrapper that does not finish is killed after 30 s', async (t) => {
  t.strictSame(actions({ now: 500 }, { now: 1000 }, { now: 30_000 }, { now: 30_500 }), ['wait', 'finish', 'finish', 'kill'])
})

t.test('a full disk suspends the time limits', async (t) => {
  t.strictSame(actions({ now: 500 }, { now: 100_000, isDiskFull: true }, { now: 100_500, isDiskFull: false }, { now: 130_500 }), ['wait', 'wait', 'finish', 'kill'])
})

t.test('a processor that must exit kills the wrapper at the next check, even if the disk is full', async (t) => {
  t.strictSame(actions({ now: 500 }, { now: 600, isHurried: true, isDiskFull: true }, { now: 1000 }), ['wait', 'wait', 'kill'])
})
