import type { Logger } from './logger.ts'

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
  /** Default: nothing is said. */
  logger?: Logger
}

export function resolveOptions (options: ProcessorOptions): Required<ProcessorOptions> {
  return {
    concurrency: options.concurrency ?? 1,
    graceMs: options.graceMs ?? 10_000,
    lookEveryMs: options.lookEveryMs ?? 3_000,
    heartbeatEveryMs: options.heartbeatEveryMs ?? 5_000,
    lockStaleAfterMs: options.lockStaleAfterMs ?? 10_000,
    logger: options.logger ?? { info () {}, warn () {} }
  }
}
