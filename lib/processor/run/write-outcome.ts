import { setTimeout as sleep } from 'node:timers/promises'
import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { claimTask } from '../../protocol/claim.ts'
import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { changeTask, readTask } from '../../protocol/task-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { finishTask, removeTaskFiles } from '../../protocol/transitions.ts'
import { isTerminal } from '../../shared/task-status.ts'
import { errorCode } from '../../util/error-code.ts'
import type { Logger } from '../logger.ts'
import type { Outcome } from './outcome.ts'

const RETRY_MS = 1_000
/** How long a task file may stay unreadable before the processor stops retrying, in ms. */
const UNREADABLE_MS = 5_000

export interface WriteContext {
  readonly directory: TasksDirectory
  readonly identity: DirectoryIdentity
  readonly logger: Logger
  /** Aborted when the processor must exit now: writes that fail are not retried. */
  readonly hurry: AbortSignal
}

/**
 * Writes the outcome of a task that was running. If the directory does not accept it (a full disk), it retries until it
 * does. A task that another party has finished or deleted is not written. After a system crash, the task may still be
 * `running` on disk: the attempt record must be kept until the directory was fsynced.
 * @returns false if it gave up; the caller can retry later
 */
export async function writeOutcome (context: WriteContext, id: string, outcome: Outcome): Promise<boolean> {
  return await retryUntilWritten(context, id, `its outcome (${outcome.status})`, () => writeOutcomeOnce(context, id, outcome))
}

/** Tries once without logging. */
export async function tryWriteOutcome (context: WriteContext, id: string, outcome: Outcome): Promise<boolean> {
  return await writeOutcomeOnce(context, id, outcome).then((problem) => problem === undefined, () => false)
}

/** Resets a task that never started to `queued`, with the same retries. */
export async function writeQueued (context: WriteContext, id: string): Promise<boolean> {
  return await retryUntilWritten(context, id, 'the status "queued"', async () => {
    const current = await readTask(context.directory, id)
    if (current?.status === 'running') {
      await changeTask(context.directory, id, { status: 'queued', startedAt: null, heartbeatAt: null }, { current })
    }
    return undefined
  })
}

/** @param write returns the problem that prevents it; undefined: nothing is left to write */
async function retryUntilWritten ({ logger, hurry }: WriteContext, id: string, what: string, write: () => Promise<Error | undefined>): Promise<boolean> {
  const since = performance.now()
  for (let reported = false; ; reported = true) {
    const problem = await write().catch((error: unknown) => error instanceof Error ? error : new Error(errorCode(error)))
    if (problem === undefined) return true
    const isHopeless = problem instanceof UnreadableFile && performance.now() - since > UNREADABLE_MS
    if (isHopeless || hurry.aborted) {
      logger.warn(`${id}: ${what} is not written: ${problem.message}`)
      return false
    }
    if (!reported) logger.warn(`${id}: ${what} cannot be written yet: ${problem.message}`)
    await sleep(RETRY_MS, undefined, { signal: hurry }).catch(() => {})
  }
}

async function writeOutcomeOnce ({ directory, identity }: WriteContext, id: string, outcome: Outcome): Promise<Error | undefined> {
  const task = await readTask(directory, id)
  if (isTerminal(task?.status)) return undefined
  // a system crash may have rolled the status back to `queued`, and another party may be cancelling it
  const claimed = task?.status === 'queued' ? await claimTask(directory, id, 'processor') : undefined
  if (task?.status === 'queued' && claimed === undefined) return new Error('another party has claimed it')
  try {
    if (task !== undefined && await finishTask(directory, id, outcome, { sync: 'content', current: claimed?.task ?? task }) !== undefined) return undefined
  } finally {
    await claimed?.release()
  }
  return await removeDeletedTask(directory, identity, id) ? undefined : new Error('the tasks directory is missing')
}

/**
 * Removes the remaining files of a deleted task, unless a task was created again by that id.
 * @returns false if the directory itself is missing, so that nothing can be concluded
 */
export async function removeDeletedTask (directory: TasksDirectory, identity: DirectoryIdentity, id: string): Promise<boolean> {
  if (!await identity.isIntact()) return false
  const isDeleted = await readCancelMarker(directory, id) === 'delete' || await readTask(directory, id) === undefined
  if (isDeleted) await removeTaskFiles(directory, id, { keepMarker: false })
  return true
}
