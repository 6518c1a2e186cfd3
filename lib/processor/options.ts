import type { FileSystem } from '../protocol/file-system.ts'
import { LOCK_STALE_MS } from '../protocol/lock-file.ts'
import { threadPoolFileSystem } from '../protocol/thread-pool-file-system.ts'
import { safeLogger } from '../util/callbacks.ts'
import { isObject } from '../util/kinds.ts'
import { unknownName } from '../util/names.ts'
import { MAX_TIMER_MS } from '../util/timers.ts'
import type { Logger } from './logger.ts'
import { anyCommand } from './policy/any-command.ts'
import { GuardedPolicy } from './policy/guarded-policy.ts'
import type { Policy } from './policy/policy.ts'
import type { Retention } from './retention/retention.ts'
import { defaultStateRoot } from './state/state-root.ts'

export interface ProcessorOptions {
  /**
   * How many commands run at the same time. With 1, they run one by one, in order: the next one starts when no process of
   * the last one is left and its output is in the log, which may be just before its final status is written. Default: 1.
   */
  concurrency?: number
  /** The grace period of a command that is stopped, from TERM to KILL, in ms. Default: 10000. */
  graceMs?: number
  /** Polling interval of the directory, in ms. Default: 3000. */
  pollIntervalMs?: number
  /** How often `heartbeatAt` of a running task is written, in ms. Default: 5000. */
  heartbeatIntervalMs?: number
  /** How long another processor's lock must be unchanged before this one takes it, in ms. Default: 10000. */
  lockStaleAfterMs?: number
  /** What may run, and how. Default: any command. */
  policy?: Policy
  /**
   * The folder below which the processor keeps its own records, outside the tasks directory and writable only by its user.
   * Default: the first folder of `$STATE_DIRECTORY`, else `fastify-tasks` in `$XDG_STATE_HOME` or `~/.local/state`.
   */
  stateDir?: string
  /** The largest size of a log, in bytes, rounded up to 512; further output is dropped. Default: undefined, no limit. */
  maxLogBytes?: number | undefined
  /**
   * Retention limits for finished tasks. Others are deleted with their logs, oldest first, except those whose log was
   * written to in the last minute. Default: keep all.
   */
  retain?: Retention
  /** Gives each command its own cgroup below the processor's, which must be delegated to it. Default: false. */
  cgroups?: boolean
  /** How the small files of the tasks directory are accessed. Default: the thread pool. */
  fileSystem?: FileSystem
  /** Default: no logging. */
  logger?: Logger
}

export type ResolvedOptions = Required<ProcessorOptions>

/**
 * @throws TypeError if an option is unknown, or has another type
 * @throws RangeError if a value is not an integer, or out of range
 */
export function resolveOptions (options: ProcessorOptions): ResolvedOptions {
  checkTypes(options)
  const logger = safeLogger(options.logger ?? { info () {}, warn () {} }, ['info', 'warn'])
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
    policy: new GuardedPolicy(options.policy ?? anyCommand, logger),
    fileSystem: options.fileSystem ?? threadPoolFileSystem,
    logger
  }
  requireInteger('concurrency', resolved.concurrency, 1)
  requireInteger('graceMs', resolved.graceMs, 0, MAX_TIMER_MS)
  for (const name of ['pollIntervalMs', 'heartbeatIntervalMs', 'lockStaleAfterMs'] as const) requireInteger(name, resolved[name], 1, MAX_TIMER_MS)
  requireInteger('maxLogBytes', resolved.maxLogBytes, 1)
  for (const name of ['ageMs', 'count', 'bytes'] as const) requireInteger(`retain.${name}`, resolved.retain[name], 1)
  return resolved
}

const NAMES = [
  'concurrency', 'graceMs', 'pollIntervalMs', 'heartbeatIntervalMs', 'lockStaleAfterMs', 'policy', 'stateDir', 'maxLogBytes', 'retain', 'cgroups',
  'fileSystem', 'logger'
]

function checkTypes (options: ProcessorOptions): void {
  checkNames('', options, NAMES)
  const { cgroups = false, logger, policy, retain = {}, stateDir } = options
  checkNames('retain.', retain, ['ageMs', 'count', 'bytes'])
  requireThat(typeof cgroups === 'boolean', 'cgroups must be a boolean.')
  requireThat(stateDir === undefined || (typeof stateDir === 'string' && stateDir !== ''), 'stateDir must be the path of a directory.')
  requireThat(policy === undefined || hasMethods(policy, ['plan', 'concurrencyOf']), 'policy must have the methods plan and concurrencyOf.')
  requireThat(logger === undefined || hasMethods(logger, ['info', 'warn']), 'logger must have the methods info and warn.')
}

/**
 * @param prefix of the names in the message, such as `retain.`
 * @throws TypeError
 */
export function checkNames (prefix: string, options: object, known: readonly string[]): void {
  requireThat(isObject(options), `${prefix === '' ? 'The options' : prefix.slice(0, -1)} must be an object.`)
  const unknown = unknownName(options, known)
  if (unknown !== undefined) throw new TypeError(`${prefix}${unknown}`)
}

function hasMethods (value: unknown, names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

function requireThat (holds: boolean, message: string): void {
  if (!holds) throw new TypeError(message)
}

function requireInteger (name: string, value: number | undefined, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}.`)
}
