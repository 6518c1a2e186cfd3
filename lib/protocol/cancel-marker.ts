import { fileName } from './file-names.ts'
import { UnreadableFile } from './regular-file.ts'
import { readSideFile } from './side-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { createExclusive, removeFile, replaceFile } from './write-file.ts'

/** What `ID.cancel` means: a cancellation request, or a deletion in progress. */
export type CancelMarker = 'cancel' | 'delete'

/**
 * Reads the marker of a task. Any file that is not a delete marker is a cancellation request, even one that cannot be read.
 * @returns undefined if there is none
 * @throws the system error, except `ENOENT`
 */
export async function readCancelMarker (directory: TasksDirectory, id: string): Promise<CancelMarker | undefined> {
  try {
    const value = await readSideFile(directory, fileName(id, 'cancel'))
    if (value === undefined) return undefined
    return (value as { delete?: unknown } | null)?.delete === true ? 'delete' : 'cancel'
  } catch (error) {
    if (error instanceof UnreadableFile) return 'cancel'
    throw error
  }
}

/**
 * Requests cancellation durably. It never overwrites an existing marker, which is either equivalent or a deletion in progress.
 * @throws the system error
 */
export async function createCancelMarker (directory: TasksDirectory, id: string): Promise<void> {
  await createExclusive(directory, fileName(id, 'cancel'), '{}\n')
}

/**
 * Marks the task as deleted, durably. It replaces a cancellation request.
 * @throws the system error
 */
export async function createDeleteMarker (directory: TasksDirectory, id: string): Promise<void> {
  await replaceFile(directory, fileName(id, 'cancel'), '{"delete": true}\n')
}

/**
 * Removes a cancellation request, if there is one. A delete marker outlives its task: it is for the processor that may still
 * write the task.
 * @throws the system error
 */
export async function removeCancelMarker (directory: TasksDirectory, id: string): Promise<void> {
  if (await readCancelMarker(directory, id) === 'cancel') await removeFile(directory, fileName(id, 'cancel'))
}
