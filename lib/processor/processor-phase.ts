/**
 * - `new`: not started
 * - `starting`: acquires the lock and recovers the state of an earlier processor
 * - `failed`: could not start
 * - `running`: claims and runs tasks
 * - `stopping`: was stopped; waits for its runs
 * - `stepping-down`: lost its lock; waits for its runs
 * - `stopped`, `lost-lock`: final
 */
export type ProcessorPhase = 'new' | 'starting' | 'failed' | 'running' | 'stopping' | 'stepping-down' | 'stopped' | 'lost-lock'

export type ProcessorEvent = 'start' | 'started' | 'start-failed' | 'stop' | 'lock-lost' | 'released'

/** An event that is not listed for a phase has no effect in it. */
const TRANSITIONS: Readonly<Record<ProcessorPhase, Partial<Record<ProcessorEvent, ProcessorPhase>>>> = {
  new: { start: 'starting', stop: 'stopping' },
  starting: { started: 'running', 'start-failed': 'failed', stop: 'stopping', 'lock-lost': 'stepping-down' },
  failed: { stop: 'stopping', 'lock-lost': 'stepping-down' },
  running: { stop: 'stopping', 'lock-lost': 'stepping-down' },
  stopping: { 'lock-lost': 'stepping-down', released: 'stopped' },
  'stepping-down': { released: 'lost-lock' },
  stopped: {},
  'lost-lock': {}
}

export function nextProcessorPhase (phase: ProcessorPhase, event: ProcessorEvent): ProcessorPhase {
  return TRANSITIONS[phase][event] ?? phase
}
