import { readClaim, removeClaim } from '../../protocol/claim.ts'
import { readTask } from '../../protocol/task-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { isActive, isTerminal } from '../../shared/task-status.ts'
import { isRunning } from '../os/process-stat.ts'
import { idsWith } from '../queue/ids-with.ts'
import { isGateDecided, wasStarted } from '../state/attempt-record.ts'
import type { Attempt } from '../state/attempt.ts'
import type { RunContext } from './run-context.ts'

/**
 * How long a process at a start gate may take to record that its processor is gone, in ms. It takes a few ms, unless the
 * process is suspended.
 */
const DECIDE_MS = 5_000

/** The state that an earlier processor left. */
export interface Recovered {
  /** Attempts whose command has started; it may have exited since. */
  readonly started: readonly Attempt[]
  /** Attempts whose command was prepared and never started. */
  readonly unstarted: readonly Attempt[]
  /** Tasks that are `running`, but have no attempt record. */
  readonly unknown: readonly string[]
}

/**
 * Sorts what an earlier processor left, by its attempt records, and removes stale claims; the caller adopts, requeues or
 * finishes the tasks. The caller must hold the locks: then no other processor claims or runs a task.
 * @param names the directory's
 * @param running the tasks that are `running` by their files
 */
export async function recover (context: RunContext, names: Iterable<string>, running: Iterable<string>): Promise<Recovered> {
  const started: Attempt[] = []
  const unstarted: Attempt[] = []
  const recorded = new Set<string>()
  for (const attempt of context.state.readAttempts()) {
    const { finished, header: { id } } = attempt.record
    // Its task is finished and may be another one by now; but a system crash may have rolled the final status back.
    if (finished === true && attempt.isOfThisBoot) {
      context.state.forgetFinished(attempt)
      continue
    }
    recorded.add(id)
    if (await hasStarted(attempt)) started.push(attempt)
    else unstarted.push(attempt)
  }
  for (const id of idsWith(['claim'], names)) {
    await removeStaleClaim(context.directory, id)
      .catch((error: Error) => context.logger.warn(`${id}: its claim cannot be removed: ${error.message}`))
  }
  return { started, unstarted, unknown: [...running].filter((id) => !recorded.has(id)) }
}

/** A start gate opens only after the leader is recorded; from then on, the process at the gate records what it saw. */
async function hasStarted (attempt: Attempt): Promise<boolean> {
  const since = performance.now()
  return wasStarted(await attempt.until((record) =>
    isGateDecided(record, (leader) => attempt.isOfThisBoot && isRunning(leader)) || performance.now() - since > DECIDE_MS))
}

/** A queued task can be claimed again; a task that is running or finished needs no claim. */
async function removeStaleClaim (directory: TasksDirectory, id: string): Promise<void> {
  const status = (await readTask(directory, id))?.status
  const isStale = isTerminal(status) || (isActive(status) && (await readClaim(directory, id))?.by === 'processor')
  if (isStale) await removeClaim(directory, id)
}
