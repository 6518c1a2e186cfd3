import { constants, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { fileName } from '../../protocol/file-names.ts'
import type { OpenFile } from '../../protocol/file-system.ts'
import { openRegular, openSingleLink } from '../../protocol/regular-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { shareWithDirectory } from '../../protocol/write-file.ts'
import { errorCode } from '../../util/error-code.ts'

const APPEND = constants.O_WRONLY | constants.O_APPEND

/**
 * Opens a task's log for appending, creating it if necessary. An existing file must have no other name: through a hard
 * or symbolic link, output could be written outside the directory.
 * @throws UnreadableFile if the name belongs to another kind of file
 */
export async function openLog (directory: TasksDirectory, id: string): Promise<OpenFile> {
  const path = join(directory.path, fileName(id, 'log'))
  try {
    const { handle } = await openRegular(directory.fs, path, APPEND | constants.O_CREAT | constants.O_EXCL)
    await shareWithDirectory(directory, handle)
    return handle
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  return (await openSingleLink(directory.fs, path, APPEND)).handle
}

/** The size of a task's log, in bytes; 0 if it does not exist or cannot be accessed. */
export function logSize (directory: TasksDirectory, id: string): number {
  try {
    return lstatSync(join(directory.path, fileName(id, 'log')), { throwIfNoEntry: false })?.size ?? 0
  } catch {
    return 0
  }
}
