import { readCancelMarker } from '../protocol/cancel-marker.ts'
import { fileName, MAX_SIDE_BYTES, type FileKind } from '../protocol/file-names.ts'
import { readTaskFile } from '../protocol/task-file.ts'
import { isTerminal } from '../shared/task-status.ts'
import { isProcessorAlive } from './check-processor-files.ts'
import type { FileReader } from './file-reader.ts'
import { error, warning } from './finding.ts'
import { checkPresence } from './name-rules.ts'
import { checkTask } from './task-rules.ts'
import { checkClaim } from './text-rules.ts'

/** The status as in the task file; `unknown` if the file cannot be used; undefined if it does not exist. */
type Status = string | undefined

const HARD_LINKED = 'it has more than one hard link'

/**
 * Checks the files of one task in their present state. A file that no longer exists has no findings.
 * @param kinds the files that the task had when the names were read
 */
export async function checkTaskFiles (reader: FileReader, id: string, kinds: ReadonlySet<FileKind>): Promise<void> {
  const status = await checkTaskFile(reader, id)
  if (kinds.has('log')) await checkLogFile(reader, id, status)
  if (kinds.has('claim')) await checkClaimFile(reader, id, status)
  if (kinds.has('cancel')) await checkMarkerFile(reader, id, status)
}

async function checkTaskFile (reader: FileReader, id: string): Promise<Status> {
  const name = fileName(id, 'json')
  const file = await reader.result(name, readTaskFile(reader.directory, id))
  if (file === 'absent') return undefined
  if (file === 'unusable') return 'unknown'
  const { status } = file.task
  reader.add(name, checkTask(file.task.parse(), status !== 'running' || await isProcessorAlive(reader.directory)))
  if (file.stats.nlink > 1n) reader.add(name, [warning(HARD_LINKED)])
  return String(status)
}

async function checkLogFile (reader: FileReader, id: string, status: Status): Promise<void> {
  const name = fileName(id, 'log')
  const file = await reader.stats(name)
  if (typeof file !== 'object') return
  // a processor does not write to such a log; once it is complete, a backup may link it, but it is no longer served
  if (file.stats.nlink > 1n) reader.add(name, [isTerminal(status) ? warning(HARD_LINKED) : error(HARD_LINKED)])
  reader.add(name, checkPresence('log', status))
}

async function checkClaimFile (reader: FileReader, id: string, status: Status): Promise<void> {
  const name = fileName(id, 'claim')
  const file = await reader.text(name, MAX_SIDE_BYTES)
  if (typeof file !== 'object') return
  reader.add(name, checkClaim(file.text))
  if (file.stats.nlink > 1n) reader.add(name, [warning(HARD_LINKED)])
  reader.add(name, checkPresence('claim', status))
}

async function checkMarkerFile (reader: FileReader, id: string, status: Status): Promise<void> {
  const name = fileName(id, 'cancel')
  const file = await reader.stats(name)
  if (typeof file !== 'object') return
  const isDeletion = await readCancelMarker(reader.directory, id) === 'delete'
  reader.add(name, isDeletion ? [warning('an unfinished deletion')] : checkPresence('cancel', status))
}
