export const LOCK_NAME = '.processor.lock.pid'
/** A larger lock file is not read: 4 KiB. */
export const MAX_LOCK_BYTES = 4096

/** How long the mtime of a lock must be unchanged before its processor counts as dead, in ms. */
export const LOCK_STALE_MS = 10_000

/** The content of a lock file. */
export interface Lock {
  /** Undefined if the first line is not a process id. */
  readonly pid: number | undefined
  /** The nonce of the second line. Undefined if the line is missing (an older processor, without a heartbeat) or invalid. */
  readonly heartbeat: string | undefined
  /** The first line that breaks the protocol; undefined if none does. */
  readonly problem: 'pid' | 'heartbeat' | undefined
}

/**
 * Line 1 is the pid, line 2 `heartbeat <nonce>`. Any further lines belong to later versions of the protocol.
 * It accepts any text and does not throw.
 */
export function parseLock (text: string): Lock {
  const [first = '', second = ''] = text.split('\n')
  const pid = /^[1-9]\d{0,9}$/.test(first) ? Number(first) : undefined
  // also with white space in or after the nonce, or a dead lock of that kind would have to be removed by hand
  const heartbeat = /^heartbeat (\S.*?)\s*$/.exec(second)?.[1]
  const isExact = second === '' || /^heartbeat \S+$/.test(second)
  const problem = pid === undefined ? 'pid' : isExact ? undefined : 'heartbeat'
  return { pid, heartbeat, problem }
}

/** @param nonce random, without white space */
export function formatLock (pid: number, nonce: string): string {
  return `${pid}\nheartbeat ${nonce}\n`
}

/**
 * Whether the processor that wrote the lock counts as dead. A lock without a heartbeat belongs to an older processor and
 * never is stale.
 * @param unchangedMs how long the mtime of the file has been unchanged, in ms
 * @param staleAfterMs Default: `LOCK_STALE_MS`
 */
export function isStale ({ heartbeat }: Lock, unchangedMs: number, staleAfterMs = LOCK_STALE_MS): boolean {
  return heartbeat !== undefined && unchangedMs >= staleAfterMs
}
