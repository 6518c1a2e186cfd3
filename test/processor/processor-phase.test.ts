import t from 'tap'
import { nextProcessorPhase, type ProcessorEvent, type ProcessorPhase } from '../../lib/processor/processor-phase.ts'

const EVENTS: ProcessorEvent[] = ['start', 'started', 'start-failed', 'stop', 'lock-lost', 'released']

/** The transitions; any other event leaves a phase as it is. */
const TRANSITIONS: Array<[phase: ProcessorPhase, next: Partial<Record<ProcessorEvent, ProcessorPhase>>]> = [
  ['new', { start: 'starting', stop: 'stopping' }],
  ['starting', { started: 'running', 'start-failed': 'failed', stop: 'stopping', 'lock-lost': 'stepping-down' }],
  ['failed', { stop: 'stopping', 'lock-lost': 'stepping-down' }],
  ['running', { stop: 'stopping', 'lock-lost': 'stepping-down' }],
  ['stopping', { 'lock-lost': 'stepping-down', released: 'stopped' }],
  ['stepping-down', { released: 'lost-lock' }],
  ['stopped', {}],
  ['lost-lock', {}]
]

for (const [phase, next] of TRANSITIONS) {
  for (const event of EVENTS) {
    t.test(`a processor in phase "${phase}" is in phase "${next[event] ?? phase}" after "${event}"`, async (t) => {
      t.equal(nextProcessorPhase(phase, event), next[event] ?? phase)
    })
  }
}

const HISTORIES: Array<[name: string, events: ProcessorEvent[], end: ProcessorPhase]> = [
  ['that is stopped while it starts never runs', ['start', 'stop', 'started', 'released'], 'stopped'],
  ['that loses its lock while it stops has lost its lock', ['start', 'started', 'stop', 'lock-lost', 'released'], 'lost-lock'],
  ['that is stopped after it lost its lock has lost its lock', ['start', 'started', 'lock-lost', 'stop', 'released'], 'lost-lock'],
  ['that could not start can be stopped', ['start', 'start-failed', 'stop', 'released'], 'stopped']
]

for (const [name, events, end] of HISTORIES) {
  t.test(`a processor ${name}`, async (t) => {
    t.equal(events.reduce<ProcessorPhase>(nextProcessorPhase, 'new'), end)
  })
}
