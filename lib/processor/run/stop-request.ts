import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import { readTask } from '../../protocol/task-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { isTerminal } from '../../shared/task-status.ts'
import type { StopReason } from './stop-reason.ts'

/**
 * Reads from the files of a running task whether its command has to stop: its cancel marker, a deletion, or a final status
 * that another party has written.
 * @returns undefined if it need not stop
 * @throws if the files cannot be read now
 */
export async function readStopRequest (directory: TasksDirectory, identity: DirectoryIdentity, id: string): Promise<StopReason | undefined> {
  const marker = await readCancelMarker(directory, id)
  const task = await readTask(directory, id)
  if (marker === 'delete') return 'deleted'
  // a missing file in another directory means nothing
  if (task === undefined) return await identity.isIntact() ? 'deleted' : undefined
  if (isTerminal(task.status)) return 'disowned'
  return marker === 'cancel' ? 'cancelled' : undefined
}
