import { setTimeout as sleep } from 'node:timers/promises'
import { MAX_TIMER_MS } from '../../util/timers.ts'
import type { Command } from '../command/command.ts'

export interface TimeLimitOptions {
  readonly timeoutMs: number
  /** Whether an earlier processor started the command: then its age counts. */
  readonly adopted: boolean
  readonly signal: AbortSignal
}

/**
 * Resolves when the command has run for `timeoutMs`.
 * @throws AbortError if the signal aborts before
 */
export async function untilTimeLimit (command: Command, { timeoutMs, adopted, signal }: TimeLimitOptions): Promise<void> {
  await command.started()
  const remaining = timeoutMs - (adopted ? command.ageMs ?? 0 : 0)
  await sleep(Math.min(Math.max(remaining, 0), MAX_TIMER_MS), undefined, { signal })
}
