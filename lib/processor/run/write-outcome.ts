import { setTimeout as sleep } from 'node:timers/promises'
import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { claimTask } from '../../protocol/claim.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { changeTask, readTask } from '../../protocol/task-file.ts'
import { finishTask, removeTaskFiles } from '../../protocol/transitions.ts'
import { errorCode } from '../../util/error-code.ts'
import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import { isTerminal } from '../../shared/task-status.ts'
import type { Logger } from '../logger.ts'
import type { Outcome } from './outcome.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

const RETRY_MS = 1_000
/** How long a task's file may stay unreadable before its end is not written into it, in ms. */
const UNREADABLE_MS = 5_000

export interface EndContext {
  readonly directory: TasksDirectory
  readonly guard: DirectoryIdentity
  readonly logger: Logger
  /** Aborted when the processor must end now: what can't be written is given up. */
  readonly hurry: AbortSignal
}

/**
 * Writes the end of a task that was running. Where the directory does not take it (a full disk), it waits until it does.
 * A task that somebody else has ended, or deleted, is not written. After a crash of the machine, the task may still
 * say that it runs: its record must stay until the directory was synced.
 * @returns false: it was given up, and can be tried again
 */
export async function writeEnd (context: EndContext, id: string, end: Outcome): Promise<boolean> {
  return await untilWritten(context, id, `its end (${end.status})`, () => writeEndOnce(context, id, end))
}

/** Tries once without logging. */
export async function tryToEnd (context: EndContext, id: string, end: Outcome): Promise<boolean> {
  return await writeEndOnce(context, id, end).then((problem) => problem === undefined, () => false)
}

/** Resets a task that never started to `queued`, with the same retries. */
export async function writeQueued (context: EndContext, id: string): Promise<boolean> {
  return await untilWritten(context, id, 'that it is queued again', async () => {
    const current = await readTask(context.directory, id)
    if (current?.status === 'running') await changeTask(context.directory, id, { status: 'queued', startedAt: null, heartbeatAt: null }, { current })
    return undefined
  })
}

/** @param attempt gives what stands in the way; undefined: nothing is left to write */
async function untilWritten ({ logger, hurry }: EndContext, id: string, what: string, attempt: () => Promise<Error | undefined>): Promise<boolean> {
  const since = performance.now()
  for (let reported = false; ; reported = true) {
    const problem = await attempt().catch((error: unknown) => error instanceof Error ? error : new Error(errorCode(error)))
    if (problem === undefined) return true
    const hopeless = problem instanceof UnreadableFile && performance.now() - since > UNREADABLE_MS
    if (hopeless || hurry.aborted) {
      logger.warn(`${id}: ${what} is not written: ${problem.message}`)
      return false
    }
    if (!reported) logger.warn(`${id}: ${what} can't be written yet: ${problem.message}`)
    await sleep(RETRY_MS, undefined, { signal: hurry }).catch(() => {})
  }
}

async function writeEndOnce ({ directory, guard }: EndContext, id: string, end: Outcome): Promise<Error | undefined> {
  const task = await readTask(directory, id)
  if (isTerminal(task?.status)) return undefined
  // a system crash may have rolled the status back to `queued`, and someone may be cancelling it
  const taken = task?.status === 'queued' ? await claimTask(directory, id, 'processor') : undefined
  if (task?.status === 'queued' && taken === undefined) return new Error('somebody else has taken it')
  try {
    if (task !== undefined && await finishTask(directory, id, end, { sync: 'content', current: taken?.task ?? task }) !== undefined) return undefined
  } finally {
    await taken?.release()
  }
  return await clearDeleted(directory, guard, id) ? undefined : new Error('the directory is gone')
}

/**
 * Removes what is left of a deleted task. One that stands there again, created anew, is left alone.
 * @returns false: it can't be told, since the directory itself is not there
 */
export async function clearDeleted (directory: TasksDirectory, guard: DirectoryIdentity, id: string): Promise<boolean> {
  if (!await guard.isIntact()) return false
  if (await readCancelMarker(directory, id) === 'delete' || await readTask(directory, id) === undefined) await removeTaskFiles(directory, id, { keepMarker: false })
  return true
}
