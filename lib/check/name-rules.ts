import { parseFileName, type FileKind } from '../protocol/file-names.ts'
import { isTaskId, TASK_ID_MAX_LENGTH } from '../shared/task-id.ts'
import { isTerminal } from '../shared/task-status.ts'
import { error, note, warning, type Finding } from './finding.ts'

/** Checks a name in the directory. Names with a leading dot are free. */
export function checkName (name: string): Finding[] {
  if (name.startsWith('.') || parseFileName(name) !== undefined) return []
  const id = /^(task_.*)\.(json|log|claim|cancel)$/is.exec(name)?.[1]
  if (id === undefined) return [note('not part of the protocol')]
  if (id.length > TASK_ID_MAX_LENGTH) return [error(`its id is longer than ${TASK_ID_MAX_LENGTH} characters`)]
  return [error(isTaskId(id) ? 'its extension is not lower case' : 'its id is not of the form task_<digits>_<letters and digits>')]
}

/**
 * Checks whether a file may exist beside its task.
 * @param status the task's status, of any value; undefined if there is no task
 */
export function checkPresence (kind: Exclude<FileKind, 'json'>, status: string | undefined): Finding[] {
  if (status === undefined) return [warning('it has no task')]
  return kind !== 'log' && isTerminal(status) ? [warning('its task has finished')] : []
}
