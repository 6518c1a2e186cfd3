import { constants, lstatSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { fileName, openRegular, shareWithDirectory, UnreadableFile } from '../../protocol/files.ts'
import { errorCode } from '../../util/error-code.ts'

const APPEND = constants.O_WRONLY | constants.O_APPEND

/**
 * Opens a task's log for appending, as a new file, or one that stands there alone: through a hard or symbolic link,
 * output could be written outside the directory.
 * @throws UnreadableFile where something else has that name
 */
export async function openLog (dir: string, id: string): Promise<FileHandle> {
  const path = join(dir, fileName(id, 'log'))
  try {
    const { handle } = await openRegular(path, APPEND | constants.O_CREAT | constants.O_EXCL)
    await shareWithDirectory(handle, dir)
    return handle
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  const { handle, stats } = await openRegular(path, APPEND)
  if (stats.nlink === 1n) return handle
  await handle.close()
  throw new UnreadableFile('it has other names (hard links)')
}

/** In bytes; 0 where there is none, or it can't be seen. */
export function logSize (dir: string, id: string): number {
  try {
    return lstatSync(join(dir, fileName(id, 'log')), { throwIfNoEntry: false })?.size ?? 0
  } catch {
    return 0
  }
}
