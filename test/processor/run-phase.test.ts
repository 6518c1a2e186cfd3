import t from 'tap'
import { isPreparing, nextRunPhase, occupiesSlot, type RunEvent, type RunPhase } from '../../lib/processor/run/run-phase.ts'

const EVENTS: RunEvent[] = ['leave', 'command-started', 'command-never-started', 'command-gone']

/** For each phase, the next one after each of the events, in their order. */
const NEXT: Record<RunPhase, [RunPhase, RunPhase, RunPhase, RunPhase]> = {
  preparing: ['leaving', 'running', 'preparing', 'preparing'],
  leaving: ['leaving', 'left', 'leaving', 'leaving'],
  running: ['left', 'running', 'requeueing', 'finishing'],
  left: ['left', 'left', 'left', 'left'],
  requeueing: ['requeueing', 'requeueing', 'requeueing', 'requeueing'],
  finishing: ['finishing', 'finishing', 'finishing', 'finishing']
}

for (const [phase, next] of Object.entries(NEXT) as Array<[RunPhase, RunPhase[]]>) {
  for (const [index, event] of EVENTS.entries()) {
    t.test(`a run in phase "${phase}" is in phase "${next[index]}" after "${event}"`, async (t) => {
      t.equal(nextRunPhase(phase, event), next[index])
    })
  }
}

t.test('a run occupies a slot until nothing of its command is left', async (t) => {
  t.strictSame((Object.keys(NEXT) as RunPhase[]).filter((phase) => !occupiesSlot(phase)), ['finishing'])
})

t.test('a run is being prepared until its command has started', async (t) => {
  t.strictSame((Object.keys(NEXT) as RunPhase[]).filter(isPreparing), ['preparing', 'leaving'])
})
