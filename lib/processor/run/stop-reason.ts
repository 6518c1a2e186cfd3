/**
 * Why the processor stops a command. `deleted`: the task file is gone, or is being deleted. `disowned`: another party has
 * written a final status.
 */
export type StopReason = 'cancelled' | 'timed-out' | 'processor-stopped' | 'deleted' | 'disowned'

/** As attempt records name them, with the spellings of earlier versions. */
const REASONS: ReadonlyMap<string, StopReason> = new Map([
  ['cancelled', 'cancelled'],
  ['timed-out', 'timed-out'],
  ['timed out', 'timed-out'],
  ['processor-stopped', 'processor-stopped'],
  ['processor stopped', 'processor-stopped'],
  ['deleted', 'deleted'],
  ['disowned', 'disowned']
])

/** @returns undefined for any other text */
export function parseStopReason (text: string): StopReason | undefined {
  return REASONS.get(text)
}

/** Whether the task is no longer this processor's: then its file must not be written any more. */
export function losesTask (reason: StopReason | undefined): boolean {
  return reason === 'deleted' || reason === 'disowned'
}

/**
 * The reason that counts after another request to stop. The first one counts, except that losing the task overrides every
 * other reason. A command that has already exited cannot be cancelled or time out, but its task can still be lost.
 * @param isAlive whether the command has not exited yet
 */
export function nextStopReason (current: StopReason | undefined, requested: StopReason, isAlive: boolean): StopReason | undefined {
  if (losesTask(requested)) return losesTask(current) ? current : requested
  return current ?? (isAlive ? requested : undefined)
}
