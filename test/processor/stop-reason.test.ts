import t from 'tap'
import { losesTask, nextStopReason, parseStopReason, type StopReason } from '../../lib/processor/run/stop-reason.ts'

const KEEPS: StopReason[] = ['cancelled', 'timed-out', 'processor-stopped']
const LOSES: StopReason[] = ['deleted', 'disowned']

t.test('only a deleted or disowned task is lost', async (t) => {
  for (const reason of [undefined, ...KEEPS]) t.equal(losesTask(reason), false, String(reason))
  for (const reason of LOSES) t.equal(losesTask(reason), true, reason)
})

t.test('the first reason to stop a live command counts', async (t) => {
  for (const requested of KEEPS) {
    t.equal(nextStopReason(undefined, requested, true), requested)
    for (const current of KEEPS) t.equal(nextStopReason(current, requested, true), current, `${requested} after ${current}`)
  }
})

t.test('a command that has exited is neither cancelled nor timed out', async (t) => {
  for (const requested of KEEPS) t.equal(nextStopReason(undefined, requested, false), undefined, requested)
})

t.test('losing the task overrides every other reason, even after the command has exited', async (t) => {
  for (const requested of LOSES) {
    for (const isAlive of [true, false]) {
      for (const current of [undefined, ...KEEPS]) t.equal(nextStopReason(current, requested, isAlive), requested, `${requested} after ${current}`)
    }
  }
})

t.test('the first reason that loses the task counts', async (t) => {
  for (const current of LOSES) {
    for (const requested of [...LOSES, ...KEEPS]) t.equal(nextStopReason(current, requested, true), current, `${requested} after ${current}`)
  }
})

t.test('stop reasons are parsed in the spelling of this version', async (t) => {
  for (const reason of [...KEEPS, ...LOSES]) t.equal(parseStopReason(reason), reason)
})

t.test('stop reasons are parsed in the spelling of earlier versions', async (t) => {
  t.equal(parseStopReason('timed out'), 'timed-out')
  t.equal(parseStopReason('processor stopped'), 'processor-stopped')
})

t.test('unknown stop reasons are ignored', async (t) => {
  for (const text of ['', 'stopped', 'Cancelled', 'constructor']) t.equal(parseStopReason(text), undefined, text)
})
