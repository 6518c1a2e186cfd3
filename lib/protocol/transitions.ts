import type { Task } from '../shared/task-schema.ts'
import { isActive } from '../shared/task-status.ts'
import { errorCode } from '../util/error-code.ts'
import { createCancelMarker, createDeleteMarker, readCancelMarker, removeCancelMarker } from './cancel-marker.ts'
import { claimTask } from './claim.ts'
import { fileName } from './file-names.ts'
import { ifReadable } from './regular-file.ts'
import { changeTask, readTask, type ChangeOptions } from './task-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { removeFile } from './write-file.ts'

/**
 * Writes the final status, then removes the cancel marker, which has been honoured or came too late.
 * @param fields default for `completedAt`: now
 * @returns the finished task; undefined if it was deleted meanwhile: its remaining files are then removed
 * @throws UnreadableFile if the task file cannot be used
 * @throws the system error
 */
export async function finishTask (
  directory: TasksDirectory, id: string, fields: Partial<Task> & Pick<Task, 'status'>, options: ChangeOptions = {}
): Promise<Task | undefined> {
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
export async function cancelClaimed (directory: TasksDirectory, id: string): Promise<Task | undefined> {
  return await finishTask(directory, id, { status: 'cancelled', errorMessage: 'Cancelled before start.' })
}

/**
 * Requests cancellation durably, then cancels the task if it is queued and no other program has claimed it.
 * - `cancelled`: it never started, and never will
 * - `requested`: the processor that runs it will stop it
 * - `finished`: it finished before
 * - `missing`: there is no such task, or its deletion is in progress
 * @throws the system error; the request may then exist
 */
export async function cancelTask (directory: TasksDirectory, id: string): Promise<'cancelled' | 'requested' | 'finished' | 'missing'> {
  const before = await ifReadable(readTask(directory, id))
  if (before === undefined || await readCancelMarker(directory, id) === 'delete') return 'missing'
  if (before !== 'unreadable' && !isActive(before.status)) return 'finished'
  await createCancelMarker(directory, id)
  const claimed = await ifReadable(claimTask(directory, id, 'cancel'))
  if (typeof claimed === 'object') {
    const task = await cancelClaimed(directory, id)
    await claimed.release()
    return task === undefined ? 'missing' : 'cancelled'
  }
  const now = await ifReadable(readTask(directory, id))
  // unreadable: a program is writing it, so a processor is running it
  if (now === 'unreadable' || isActive(now?.status)) return 'requested'
  // it finished while the marker was created, or another program cancelled it: the marker has no effect any more
  await removeCancelMarker(directory, id)
  return now === undefined ? 'missing' : now.status === 'cancelled' ? 'cancelled' : 'finished'
}

/**
 * Removes all files of a task. The delete marker is created first and removed last, so that after a crash at any point any
 * program can complete the deletion. If a processor may hold the task, the marker is left for it.
 * @returns `deleted`; `missing` if there is no such task; `active` if the task is queued or running and `force` is false:
 * it is then unchanged
 * @throws the system error; the marker may then exist
 */
export async function deleteTask (directory: TasksDirectory, id: string, { force }: { force: boolean }): Promise<'deleted' | 'active' | 'missing'> {
  const task = await ifReadable(readTask(directory, id))
  if (task === undefined) return 'missing'
  const active = task === 'unreadable' || isActive(task.status)
  if (active && !force) return 'active'
  try {
    await createDeleteMarker(directory, id)
  } catch (error) {
    // deleting must work on a full disk; a crash at this point would leave the log behind
    if (active || !['ENOSPC', 'EDQUOT'].includes(errorCode(error))) throw error
  }
  const claimed = active ? await ifReadable(claimTask(directory, id, 'cancel')) : undefined
  const isHeld = active && typeof claimed !== 'object'
  await removeTaskFiles(directory, id, { keepMarker: isHeld })
  return 'deleted'
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
