import type { StartMethods } from '../command/start-command.ts'
import type { ProcessorLock } from '../state/processor-lock.ts'
import type { Policy } from '../policy/policy.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import type { EndContext } from './write-outcome.ts'

/** What all runs of a processor share. */
export interface RunContext extends EndContext, StartMethods {
  readonly lock: ProcessorLock
  readonly state: StateDirectory
  readonly policy: Pick<Policy, 'plan'>
  /** Final statuses that could not be written yet, by task id; retried periodically. */
  readonly unsettled: Map<string, () => Promise<void>>
  readonly graceMs: number
  readonly heartbeatIntervalMs: number
  readonly logMaxBytes: number | undefined
  /** Folder of the cgroup below which each command gets its own; undefined: none does. */
  readonly cgroup: string | undefined
}
