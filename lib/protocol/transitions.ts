import type { StoredTask } from '../shared/stored-task.ts'
import type { Task } from '../shared/task-schema.ts'
import { isActive } from '../shared/task-status.ts'
import { delay } from '../util/delay.ts'
import { errorCode } from '../util/error-code.ts'
import { createCancelMarker, createDeleteMarker, readCancelMarker, removeCancelMarker } from './cancel-marker.ts'
import { claimTask, readClaim } from './claim.ts'
import { fileName } from './file-names.ts'
import { refuseDirectories, refuseForeign } from './foreign-file.ts'
import { ifReadable } from './regular-file.ts'
import { changeTask, readTask, type ChangeOptions } from './task-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { removeFile } from './write-file.ts'

/** How often a deletion tries to claim a queued task, and the time between two attempts. */
const MAX_CLAIM_ATTEMPTS = 10
const CLAIM_RETRY_MS = 10

/**
 * Writes the final status, then removes the cancel marker, which has been honoured or came too late.
 * @param fields default for `completedAt`: now
 * @returns the finished task; undefined if it was deleted meanwhile: its remaining files are then removed
 * @throws UnreadableFile if the task file cannot be used
 * @throws the system error
 */
export async function finishTask (
  directory: TasksDirectory, id: string, fields: Partial<Task> & Pick<Task, 'status'>, options: ChangeOptions = {}
): Promise<StoredTask | undefined> {
  const task = await changeTask(directory, id, { completedAt: new Date().toISOString(), ...fields }, options)
  const marker = await readCancelMarker(directory, id)
  if (marker === 'delete') {
    // the write above was the last one of the program that holds the claim, and may have raced with the deletion
    await removeTaskFiles(directory, id, { keepMarker: false })
    return undefined
  }
  if (marker !== undefined) await removeCancelMarker(directory, id)
  return task
}

/**
 * Writes `cancelled` to a queued task whose claim the caller holds.
 * @returns the task; undefined if it was deleted meanwhile
 * @throws as `finishTask` does
 */
export async function cancelClaimed (directory: TasksDirectory, id: string): Promise<StoredTask | undefined> {
  return await finishTask(directory, id, { status: 'cancelled', errorMessage: 'Cancelled before start.' })
}

/**
 * The result of `cancelTask`:
 * - `cancelled`: the task never started, and never will. `task` is the cancelled one
 * - `requested`: the processor that runs it will stop it, or another program is cancelling it
 * - `finished`: it finished before
 * - `missing`: there is no such task, or its deletion is in progress
 */
export type Cancellation = { readonly outcome: 'cancelled', readonly task: StoredTask } | { readonly outcome: 'requested' | 'finished' | 'missing' }

/**
 * Requests cancellation durably, then cancels the task if it is queued and no other program has claimed it.
 * @throws ForeignFile if the task file or the claim is not a regular file; nothing has changed then
 * @throws the system error; the request may then exist
 */
export async function cancelTask (directory: TasksDirectory, id: string): Promise<Cancellation> {
  const before = await ifReadable(readTask(directory, id))
  if (before === undefined || await readCancelMarker(directory, id) === 'delete') return { outcome: 'missing' }
  if (before === 'unreadable') await refuseForeign(directory, id, ['json'])
  else if (!isActive(before.status)) return { outcome: 'finished' }
  await refuseForeign(directory, id, ['claim'])
  await createCancelMarker(directory, id)
  const claimed = await ifReadable(claimTask(directory, id, 'cancel'))
  if (typeof claimed === 'object') {
    const task = await cancelClaimed(directory, id)
    await claimed.release()
    return task === undefined ? { outcome: 'missing' } : { outcome: 'cancelled', task }
  }
  const now = await ifReadable(readTask(directory, id))
  // unreadable: a program is writing it, so a processor is running it
  if (now === 'unreadable' || isActive(now?.status)) return { outcome: 'requested' }
  // it finished while the marker was created, or another program cancelled it: the marker has no effect any more
  await removeCancelMarker(directory, id)
  if (now?.status === 'cancelled') return { outcome: 'cancelled', task: now }
  return { outcome: now === undefined ? 'missing' : 'finished' }
}

/**
 * Removes all files of a task. The delete marker is created first and removed last, so that after a crash at any point any
 * program can complete the deletion. If a processor may hold the task, the marker is left for it.
 * @returns `deleted`; `missing` if there is no such task; `active` if the task is queued or running and `force` is false:
 * it is then unchanged
 * @throws ForeignFile if the task file or the marker is a directory; nothing has changed then
 * @throws the system error; the marker may then exist
 */
export async function deleteTask (directory: TasksDirectory, id: string, { force }: { force: boolean }): Promise<'deleted' | 'active' | 'missing'> {
  const before = await ifReadable(readTask(directory, id))
  if (before === undefined) return 'missing'
  await refuseDirectories(directory, id, ['json', 'cancel'])
  if (mayBeActive(before) && !force) return 'active'
  try {
    await createDeleteMarker(directory, id)
  } catch (error) {
    // deleting must work on a full disk; a crash at this point would leave the log behind
    if (mayBeActive(before) || !['ENOSPC', 'EDQUOT'].includes(errorCode(error))) throw error
  }
  // other programs may have deleted the task and created it again, which the marker now prevents
  const isActiveNow = mayBeActive(await ifReadable(readTask(directory, id)))
  if (isActiveNow && !force) {
    await removeFile(directory, fileName(id, 'cancel'))
    return 'active'
  }
  await removeTaskFiles(directory, id, { keepMarker: isActiveNow && await isHeld(directory, id) })
  return 'deleted'
}

/**
 * Whether another program may still write a task that has a delete marker. Otherwise this program has claimed the task, or
 * it is finished. Programs that cancel or delete hold a claim only for a moment, and may expect this one to remove the files.
 */
async function isHeld (directory: TasksDirectory, id: string): Promise<boolean> {
  for (let attempt = 1; attempt <= MAX_CLAIM_ATTEMPTS; attempt++) {
    if (typeof await ifReadable(claimTask(directory, id, 'cancel')) === 'object') return false
    const task = await ifReadable(readTask(directory, id))
    if (!mayBeActive(task)) return false
    const claim = await ifReadable(readClaim(directory, id))
    const isBrief = claim === undefined || (claim !== 'unreadable' && claim.by === 'cancel')
    if (task === 'unreadable' || task?.status === 'running' || !isBrief) return true
    await delay(CLAIM_RETRY_MS)
  }
  return true
}

/** An unreadable file may be one that its processor is writing. */
function mayBeActive (task: StoredTask | 'unreadable' | undefined): boolean {
  return task === 'unreadable' || isActive(task?.status)
}

/**
 * Removes the files of a task in an order that never misleads a reader: the task file first, the marker last. It ignores
 * missing files.
 * @throws the system error
 */
export async function removeTaskFiles (directory: TasksDirectory, id: string, { keepMarker }: { keepMarker: boolean }): Promise<void> {
  for (const kind of ['json', 'log', 'claim'] as const) await removeFile(directory, fileName(id, kind))
  if (!keepMarker) await removeFile(directory, fileName(id, 'cancel'))
}
