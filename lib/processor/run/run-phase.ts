/**
 * - `preparing`: the command has not started
 * - `leaving`: the same, and the processor is leaving: a command that has not started must not start any more
 * - `running`: the command has started and is supervised
 * - `left`: the command keeps running for the next processor
 * - `requeueing`: the command never started; the task is reset to `queued`
 * - `finishing`: nothing of the command is left; its outcome is being written
 */
export type RunPhase = 'preparing' | 'leaving' | 'running' | 'left' | 'requeueing' | 'finishing'

export type RunEvent = 'leave' | 'command-started' | 'command-never-started' | 'command-gone'

/** An event that is not listed for a phase has no effect in it. */
const TRANSITIONS: Readonly<Record<RunPhase, Partial<Record<RunEvent, RunPhase>>>> = {
  preparing: { leave: 'leaving', 'command-started': 'running' },
  // the start gate was opened just before the processor decided to leave
  leaving: { 'command-started': 'left' },
  running: { leave: 'left', 'command-never-started': 'requeueing', 'command-gone': 'finishing' },
  left: {},
  requeueing: {},
  finishing: {}
}

export function nextRunPhase (phase: RunPhase, event: RunEvent): RunPhase {
  return TRANSITIONS[phase][event] ?? phase
}

/** Whether the run occupies a slot. The next command need not wait until the outcome of the last one is on the disk. */
export function occupiesSlot (phase: RunPhase): boolean {
  return phase !== 'finishing'
}

export function isPreparing (phase: RunPhase): boolean {
  return phase === 'preparing' || phase === 'leaving'
}
