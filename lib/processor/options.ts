import type { Logger } from './logger.ts'
import { anyCommand, type Policy } from './policy/policy.ts'
import { defaultStateRoot } from './state-directory.ts'

export interface ProcessorOptions {
  /** How many tasks run at the same time. Default: 1, so that they run one by one, in order. */
  concurrency?: number
  /** How long a command that is stopped has from TERM to KILL, in ms. Default: 10000. */
  graceMs?: number
  /** How often the directory is looked at where nothing else tells of changes, in ms. Default: 3000. */
  lookEveryMs?: number
  /** How often `heartbeatAt` of a running task is renewed, in ms. Default: 5000. */
  heartbeatEveryMs?: number
  /** How long another processor's lock must stand still before it is taken over, in ms. Default: 10000. */
  lockStaleAfterMs?: number
  /** What may run, and how. Default: any command. */
  policy?: Policy
  /**
   * Below it, the processor keeps its own records, outside the tasks directory and writable by nobody else. Default:
   * the first folder of `$STATE_DIRECTORY`, else `fastify-tasks` in `$XDG_STATE_HOME` or `~/.local/state`.
   */
  stateDir?: string
  /** A log is cut at this size, in bytes, rounded up to 512. Default: undefined, no limit. */
  logMaxBytes?: number | undefined
  /** Gives each command a cgroup of its own below the processor's, which must be delegated to it. Default: false. */
  cgroups?: boolean
  /** Default: nothing is said. */
  logger?: Logger
}

export type ResolvedOptions = Required<ProcessorOptions>

export function resolveOptions (options: ProcessorOptions): ResolvedOptions {
  return {
    concurrency: options.concurrency ?? 1,
    graceMs: options.graceMs ?? 10_000,
    lookEveryMs: options.lookEveryMs ?? 3_000,
    heartbeatEveryMs: options.heartbeatEveryMs ?? 5_000,
    lockStaleAfterMs: options.lockStaleAfterMs ?? 10_000,
    stateDir: options.stateDir ?? defaultStateRoot(),
    logMaxBytes: options.logMaxBytes,
    cgroups: options.cgroups ?? false,
    policy: options.policy ?? anyCommand,
    logger: options.logger ?? { info () {}, warn () {} }
  }
}
