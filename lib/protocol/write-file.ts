import { constants } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../util/error-code.ts'
import { temporaryName } from './file-names.ts'
import type { FileSystem, OpenFile } from './file-system.ts'
import { ifExists } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

export interface WriteOptions {
  /**
   * What is fsynced before the write resolves. `true`: the content and the name. `content`: after a system crash the name
   * may still refer to the old content, which is complete. `false`: nothing. Default: true.
   */
  readonly sync?: boolean | 'content'
}

/**
 * Replaces or creates a whole file, with a temporary file and `rename`: readers see the old or the new content.
 * @throws the system error; the previous file is then unchanged, or replaced but not yet durable
 */
export async function replaceFile (directory: TasksDirectory, name: string, text: string, { sync = true }: WriteOptions = {}): Promise<void> {
  const { path, fs } = directory
  const temporary = await writeTemporary(directory, text, sync !== false)
  await withCleanUp(fs, temporary, () => fs.rename(temporary, join(path, name)))
  if (sync === true) await syncDirectory(directory)
}

/**
 * Creates a file that is complete when it appears (on a mount without hard links, it is empty for a moment).
 * @param options `sync`: whether the content and the name are fsynced. Default: true
 * @returns false if the name exists: that file is unchanged
 * @throws the system error
 */
export async function createExclusive (directory: TasksDirectory, name: string, text: string, { sync = true } = {}): Promise<boolean> {
  const { fs } = directory
  const path = join(directory.path, name)
  const temporary = await writeTemporary(directory, text, sync)
  const created = await withCleanUp(fs, temporary, async () => {
    try {
      await fs.link(temporary, path)
      await fs.unlink(temporary)
      return true
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      if (!NO_LINKS.has(errorCode(error))) throw error
      return await reserveAndRename(fs, temporary, path)
    }
  })
  if (!created) await fs.unlink(temporary)
  else if (sync) await syncDirectory(directory)
  return created
}

/** Errors of file systems without hard links (FAT, many FUSE and SMB mounts). */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK'])

/** Creates the name exclusively, then moves the temporary file there. @returns false if the name exists */
async function reserveAndRename (fs: FileSystem, temporary: string, path: string): Promise<boolean> {
  try {
    const reserved = await fs.open(path, 'wx', 0o640)
    await reserved.close()
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
  // do not leave the empty reservation behind: as a claim it would block its task forever
  await withCleanUp(fs, path, () => fs.rename(temporary, path))
  return true
}

/** @returns the path of the temporary file */
async function writeTemporary (directory: TasksDirectory, text: string, sync: boolean): Promise<string> {
  const { path, fs } = directory
  const temporary = join(path, temporaryName())
  const handle = await fs.open(temporary, 'wx', 0o640)
  await withCleanUp(fs, temporary, async () => {
    try {
      await handle.writeFile(text)
      await shareWithDirectory(directory, handle)
      if (sync) await handle.sync()
    } finally {
      await handle.close()
    }
  })
  return temporary
}

/**
 * Gives the file the directory's group and mode 0640, whatever the umask, so that two users can share a directory. It ignores
 * refusals.
 * @throws the system error if the file or the directory cannot be examined
 */
export async function shareWithDirectory ({ path, fs }: TasksDirectory, handle: OpenFile): Promise<void> {
  const [file, directory] = await Promise.all([handle.stat({ bigint: true }), fs.stat(path, { bigint: true })])
  if (file.gid !== directory.gid) {
    // fails unless this process is in that group; the file then keeps its own group
    await handle.chown(-1, Number(directory.gid)).catch(() => {})
  }
  if ((file.mode & 0o777n) !== 0o640n) await handle.chmod(0o640).catch(() => {})
}

/** Removes the file at `temporary` if `work` rejects. */
async function withCleanUp<T> (fs: FileSystem, temporary: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await fs.unlink(temporary).catch(() => {})
    throw error
  }
}

/**
 * Fsyncs the directory, so that new names survive a crash.
 * @throws the system error, unless the file system cannot sync directories
 */
export async function syncDirectory ({ path, fs }: TasksDirectory): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (error) {
    // some network and FUSE mounts cannot sync a directory; there is no alternative
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF'].includes(errorCode(error))) throw error
  } finally {
    await handle.close()
  }
}

/**
 * Removes a file. A directory of that name stays: no program of the protocol created it, and it may have files.
 * @returns whether it removed a file
 * @throws the system error, except `ENOENT`
 */
export async function removeFile ({ path, fs }: TasksDirectory, name: string): Promise<boolean> {
  try {
    return await ifExists(fs.unlink(join(path, name)).then(() => true)) ?? false
  } catch (error) {
    if (errorCode(error) === 'EISDIR') return false
    throw error
  }
}
