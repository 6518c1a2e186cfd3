import type { StartMethods } from '../command/start-command.ts'
import type { Policy } from '../policy/policy.ts'
import type { ProcessorLock } from '../state/processor-lock.ts'
import type { PendingOutcomes, PendingOutcomesContext } from './pending-outcomes.ts'

/** What all runs of a processor share. */
export interface RunContext extends PendingOutcomesContext, StartMethods {
  readonly lock: ProcessorLock
  readonly policy: Pick<Policy, 'plan'>
  readonly pendingOutcomes: PendingOutcomes
  readonly graceMs: number
  readonly heartbeatIntervalMs: number
  readonly maxLogBytes: number | undefined
  /** Folder of the cgroup below which each command gets its own; undefined: none does. */
  readonly cgroup: string | undefined
}
