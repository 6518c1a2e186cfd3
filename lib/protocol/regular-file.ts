import { constants, type BigIntStats } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../util/error-code.ts'
import { MAX_TASK_BYTES } from './file-names.ts'
import type { FileSystem, OpenFile } from './file-system.ts'
import type { TasksDirectory } from './tasks-directory.ts'

/** A file exists, but cannot be used. The message continues a sentence that starts with the file's name. */
export class UnreadableFile extends Error {
  readonly code = 'UNREADABLE'
  /** Whether reading it again soon may succeed, because the file may be partially written. */
  readonly unfinished: boolean

  constructor (reason: string, { unfinished = false } = {}) {
    super(reason)
    this.unfinished = unfinished
  }
}

/**
 * Opens a regular file only: it follows no symbolic link, and no FIFO can block the thread pool.
 * @param flags default: `O_RDONLY`. With `O_CREAT`, a new file has mode 0640, restricted by the umask
 * @returns the open file, which the caller must close, and its stats
 * @throws UnreadableFile if it is not a regular file
 * @throws the system error otherwise
 */
export async function openRegular<File extends OpenFile> (
  fs: FileSystem<File>, path: string, flags = constants.O_RDONLY
): Promise<{ handle: File, stats: BigIntStats }> {
  let handle: File
  try {
    handle = await fs.open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o640)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ELOOP') throw new UnreadableFile('it is a symbolic link')
    // Linux reports these for a socket, and for a directory or a FIFO opened for writing
    if (code === 'ENXIO' || code === 'EISDIR') throw new UnreadableFile('it is not a regular file')
    throw error
  }
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw new UnreadableFile('it is not a regular file')
    return { handle, stats }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Opens a regular file that has no other name: through a hard link, a file outside the directory would be read or written.
 * @param flags as for `openRegular`
 * @throws UnreadableFile if it is not a regular file, or has another name; `unfinished`, because a program may create a
 * file with a temporary name
 * @throws the system error otherwise
 */
export async function openSingleLink<File extends OpenFile> (
  fs: FileSystem<File>, path: string, flags?: number
): Promise<{ handle: File, stats: BigIntStats }> {
  const file = await openRegular(fs, path, flags)
  if (file.stats.nlink <= 1n) return file
  await file.handle.close()
  throw new UnreadableFile('it has more than one hard link', { unfinished: true })
}

/**
 * Reads a whole file of a tasks directory.
 * @param limit in bytes; default: the limit of a task file
 * @throws UnreadableFile if it is larger than `limit`, not a regular file, or changes while it is read
 * @throws the system error otherwise, `ENOENT` included
 */
export async function readBytes ({ path, fs }: TasksDirectory, name: string, limit = MAX_TASK_BYTES): Promise<{ bytes: Buffer, stats: BigIntStats }> {
  return await readBytesAt(fs, join(path, name), limit)
}

/** Like `readBytes`, as UTF-8 text. */
export async function readText ({ path, fs }: TasksDirectory, name: string, limit = MAX_TASK_BYTES): Promise<{ text: string, stats: BigIntStats }> {
  return await readTextAt(fs, join(path, name), limit)
}

/** Like `readText`, for a file at any path. */
export async function readTextAt (fs: FileSystem, path: string, limit: number): Promise<{ text: string, stats: BigIntStats }> {
  const { bytes, stats } = await readBytesAt(fs, path, limit)
  return { text: bytes.toString('utf8'), stats }
}

async function readBytesAt (fs: FileSystem, path: string, limit: number): Promise<{ bytes: Buffer, stats: BigIntStats }> {
  const { handle, stats } = await openRegular(fs, path)
  try {
    if (stats.size > limit) throw new UnreadableFile(`it is larger than ${limit} bytes`)
    // one byte more than its size: a file that grows while it is read is partially written
    const buffer = Buffer.allocUnsafe(Number(stats.size) + 1)
    let length = 0
    let bytesRead: number
    do {
      ({ bytesRead } = await handle.read(buffer, length, buffer.length - length, length))
      length += bytesRead
    } while (bytesRead > 0 && length < stats.size)
    if (length !== Number(stats.size)) throw new UnreadableFile('it changed while it was read', { unfinished: true })
    return { bytes: buffer.subarray(0, length), stats }
  } finally {
    await handle.close()
  }
}

/** Waits for an operation. @returns undefined if it rejects with `ENOENT`; other errors are passed on */
export async function ifExists<T> (operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Waits for a file to be read.
 * @returns `unreadable` if it rejects with UnreadableFile or `EACCES`; other errors are passed on
 */
export async function ifReadable<T> (reading: Promise<T>): Promise<T | 'unreadable'> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof UnreadableFile || errorCode(error) === 'EACCES') return 'unreadable'
    throw error
  }
}
