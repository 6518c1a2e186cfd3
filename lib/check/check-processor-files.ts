import { FIFO_NAME, MAX_INFO_BYTES, PROCESSOR_INFO_NAME } from '../protocol/file-names.ts'
import { isStale, LOCK_NAME, MAX_LOCK_BYTES, parseLock } from '../protocol/lock-file.ts'
import { readText } from '../protocol/regular-file.ts'
import type { TasksDirectory } from '../protocol/tasks-directory.ts'
import { ageOf, type FileReader } from './file-reader.ts'
import { error, warning } from './finding.ts'
import { checkInfo, checkLock } from './text-rules.ts'

/** Checks the processor's lock file. */
export async function checkLockFile (reader: FileReader): Promise<void> {
  const file = await reader.text(LOCK_NAME, MAX_LOCK_BYTES)
  if (typeof file !== 'object') return
  reader.add(LOCK_NAME, checkLock(file.text))
  if (isStale(parseLock(file.text), ageOf(file.stats))) {
    reader.add(LOCK_NAME, [warning('its heartbeat has stopped: the processor was killed or is hanging')])
  }
}

/** Checks `.processor.json`. */
export async function checkInfoFile (reader: FileReader): Promise<void> {
  const file = await reader.text(PROCESSOR_INFO_NAME, MAX_INFO_BYTES)
  if (typeof file === 'object') reader.add(PROCESSOR_INFO_NAME, checkInfo(file.text))
}

/** Checks the wake-up FIFO. */
export async function checkFifo (reader: FileReader): Promise<void> {
  const stats = await reader.lstat(FIFO_NAME)
  if (stats !== undefined && !stats.isFIFO()) reader.add(FIFO_NAME, [error('it is not a FIFO')])
}

/** Whether there is a lock that is not stale. It compares wall clocks: a single check cannot observe a heartbeat. */
export async function isProcessorAlive (directory: TasksDirectory): Promise<boolean> {
  try {
    const { text, stats } = await readText(directory, LOCK_NAME, MAX_LOCK_BYTES)
    return !isStale(parseLock(text), ageOf(stats))
  } catch {
    return false
  }
}
