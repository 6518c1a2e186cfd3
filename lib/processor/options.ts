import { LOCK_STALE_MS } from '../protocol/lock-file.ts'
import { MAX_TIMER_MS } from '../util/timers.ts'
import type { Logger } from './logger.ts'
import { anyCommand } from './policy/any-command.ts'
import type { Policy } from './policy/policy.ts'
import type { Retention } from './retention/retention.ts'
import { defaultStateRoot } from './state/state-root.ts'
import type { FileSystem } from '../protocol/file-system.ts'
import { threadPoolFileSystem } from '../protocol/thread-pool-file-system.ts'

export interface ProcessorOptions {
  /**
   * How many commands run at the same time. Default: 1, so that they run one by one, in order: the next one begins when
   * nothing is left of the last one and its output is in the log, perhaps just before its file says how it ended.
   */
  concurrency?: number
  /** How long a command that is stopped has from TERM to KILL, in ms. Default: 10000. */
  graceMs?: number
  /** Polling interval of the directory, in ms. Default: 3000. */
  pollIntervalMs?: number
  /** How often `heartbeatAt` of a running task is renewed, in ms. Default: 5000. */
  heartbeatIntervalMs?: number
  /** How long another processor's lock must stand still before it is taken over, in ms. Default: 10000. */
  lockStaleAfterMs?: number
  /** What may run, and how. Default: any command. */
  policy?: Policy
  /**
   * Below it, the processor keeps its own records, outside the tasks directory and writable by nobody else. Default:
   * the first folder of `$STATE_DIRECTORY`, else `fastify-tasks` in `$XDG_STATE_HOME` or `~/.local/state`.
   */
  stateDir?: string
  /** The output beyond this log size is dropped, in bytes, rounded up to 512. Default: undefined, no limit. */
  maxLogBytes?: number | undefined
  /**
   * Retention limits for finished tasks. Others are removed with their logs, oldest first, except those whose log was
   * written to in the last minute. Default: keep all.
   */
  retain?: Retention
  /** Gives each command a cgroup of its own below the processor's, which must be delegated to it. Default: false. */
  cgroups?: boolean
  /** How the tasks directory's small files are accessed. Default: the thread pool. */
  fileSystem?: FileSystem
  /** Default: no logging. */
  logger?: Logger
}

export type ResolvedOptions = Required<ProcessorOptions>

/** @throws RangeError where a value is not an integer, or out of range */
export function resolveOptions (options: ProcessorOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    concurrency: options.concurrency ?? 1,
    graceMs: options.graceMs ?? 10_000,
    pollIntervalMs: options.pollIntervalMs ?? 3_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 5_000,
    lockStaleAfterMs: options.lockStaleAfterMs ?? LOCK_STALE_MS,
    stateDir: options.stateDir ?? defaultStateRoot(),
    maxLogBytes: options.maxLogBytes,
    retain: options.retain ?? {},
    cgroups: options.cgroups ?? false,
    policy: options.policy ?? anyCommand,
    fileSystem: options.fileSystem ?? threadPoolFileSystem,
    logger: options.logger ?? { info () {}, warn () {} }
  }
  demandInteger('concurrency', resolved.concurrency, 1)
  demandInteger('graceMs', resolved.graceMs, 0, MAX_TIMER_MS)
  for (const name of ['pollIntervalMs', 'heartbeatIntervalMs', 'lockStaleAfterMs'] as const) demandInteger(name, resolved[name], 1, MAX_TIMER_MS)
  demandInteger('maxLogBytes', resolved.maxLogBytes, 1)
  for (const name of ['ageMs', 'count', 'bytes'] as const) demandInteger(`retain.${name}`, resolved.retain[name], 1)
  return resolved
}

function demandInteger (name: string, value: number | undefined, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}.`)
}
