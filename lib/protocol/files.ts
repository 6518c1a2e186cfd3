import { constants, type BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { errorCode } from '../util/error-code.ts'
import { calls } from './file-system.ts'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Task } from '../shared/task-schema.ts'
import { isTaskId, toStoredTask, type StoredTask } from '../shared/task.ts'

/** A larger task file is not read: 1 MiB. */
export const MAX_TASK_BYTES = 1024 * 1024
/** Nor is a larger claim or marker. */
export const MAX_SIDE_BYTES = 64 * 1024
/** Nor a larger lock. */
export const MAX_LOCK_BYTES = 4096

export const FIFO_NAME = '.queue.fifo'
export const LOCK_NAME = '.processor.lock.pid'
export const PROCESSOR_INFO_NAME = '.processor.json'
/** A larger one is neither written nor read: 256 KiB. */
export const MAX_INFO_BYTES = 256 * 1024

const FILE_KINDS = ['json', 'log', 'claim', 'cancel'] as const
/** The files of one task, by what follows the id's dot. */
export type FileKind = (typeof FILE_KINDS)[number]

export function fileName (id: string, kind: FileKind): string {
  return `${id}.${kind}`
}

/** The task and kind that a name in the directory stands for; undefined for whatever is not a task's. */
export function parseFileName (name: string): { id: string, kind: FileKind } | undefined {
  const dot = name.indexOf('.')
  const id = name.slice(0, dot)
  const kind = FILE_KINDS.find((kind) => kind === name.slice(dot + 1))
  return kind !== undefined && isTaskId(id) ? { id, kind } : undefined
}

/** Waits for a file operation; undefined where the file does not exist. */
export async function ifExists<T> (operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A file of the directory can't be used as what its name says. */
export class UnreadableFile extends Error {
  readonly code = 'UNREADABLE'
  /** Whether reading it again soon may help: it may be a write in progress. */
  readonly unfinished: boolean

  constructor (reason: string, { unfinished = false } = {}) {
    super(reason)
    this.unfinished = unfinished
  }
}

/**
 * Opens a regular file, and nothing else: no symbolic link is followed, and no FIFO can block the thread pool.
 * @throws UnreadableFile
 */
export async function openRegular (path: string, flags = constants.O_RDONLY): Promise<{ handle: FileHandle, stats: BigIntStats }> {
  let handle: FileHandle
  try {
    handle = await calls.open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o640)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ELOOP') throw new UnreadableFile('it is a symbolic link')
    // what Linux says of a socket, and of a directory or a FIFO opened for writing
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

/** @throws UnreadableFile where it is larger than `limit` bytes, or not a regular file */
export async function readText (path: string, limit = MAX_TASK_BYTES): Promise<{ text: string, stats: BigIntStats }> {
  const { handle, stats } = await openRegular(path)
  try {
    if (stats.size > limit) throw new UnreadableFile(`it is larger than ${limit} bytes`)
    // one byte more than it had: a file that grows while it is read is a write in progress
    const buffer = Buffer.allocUnsafe(Number(stats.size) + 1)
    let length = 0
    let bytesRead: number
    do {
      ({ bytesRead } = await handle.read(buffer, length, buffer.length - length, length))
      length += bytesRead
    } while (bytesRead > 0 && length < stats.size)
    if (length !== Number(stats.size)) throw new UnreadableFile('it changed while it was read', { unfinished: true })
    return { text: buffer.toString('utf8', 0, length), stats }
  } finally {
    await handle.close()
  }
}

/**
 * Reads a task's file.
 * @throws UnreadableFile where it holds no task of this id (yet)
 * @throws the system's error, `ENOENT` included
 */
export async function readTaskFile (dir: string, id: string): Promise<{ task: StoredTask, stats: BigIntStats }> {
  const { text, stats } = await readText(join(dir, fileName(id, 'json')))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UnreadableFile('it is not JSON', { unfinished: true })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UnreadableFile('it is not a JSON object')
  if (!('id' in value) || value.id !== id) throw new UnreadableFile('its id does not match the file name')
  return { task: toStoredTask(value as Task, text), stats }
}

/** Equal fingerprints mean equal content, unless the file changed twice within one clock tick. */
export function fingerprintOf ({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}`
}

export interface PutOptions {
  /**
   * What is on disk when it returns. `content`: after a crash of the machine, the name may still stand for the old
   * content, which is whole. Default: true, all.
   */
  readonly sync?: boolean | 'content'
}

/** Puts a whole file in place by a temporary one and `rename`: readers see the old or the new content. */
export async function replaceFile (dir: string, name: string, text: string, { sync = true }: PutOptions = {}): Promise<void> {
  const temporary = await writeTemporary(dir, text, sync !== false)
  await withCleanUp(temporary, () => calls.rename(temporary, join(dir, name)))
  if (sync === true) await syncDirectory(dir)
}

/**
 * Creates a file that is complete when it appears, unless the name is taken.
 * @returns false: it exists already
 */
export async function createExclusive (dir: string, name: string, text: string, { sync = true } = {}): Promise<boolean> {
  const path = join(dir, name)
  const temporary = await writeTemporary(dir, text, sync)
  const created = await withCleanUp(temporary, async () => {
    try {
      await calls.link(temporary, path)
      await calls.unlink(temporary)
      return true
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      if (!NO_LINKS.has(errorCode(error))) throw error
      return await reserveAndRename(temporary, path)
    }
  })
  if (!created) await calls.unlink(temporary)
  else if (sync) await syncDirectory(dir)
  return created
}

/** What a file system that has no hard links answers (FAT, many FUSE and SMB mounts). */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK'])

async function reserveAndRename (temporary: string, path: string): Promise<boolean> {
  try {
    const reserved = await calls.open(path, 'wx', 0o640)
    await reserved.close()
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
  // do not leave the empty reservation behind: as a claim it would block its task forever
  await withCleanUp(path, () => calls.rename(temporary, path))
  return true
}

/** A name that only this package gives to a file on its way into place. */
export function isTemporaryName (name: string): boolean {
  return /^\.tmp-[0-9a-f]{18}$/.test(name)
}

async function writeTemporary (dir: string, text: string, sync: boolean): Promise<string> {
  const temporary = join(dir, `.tmp-${randomBytes(9).toString('hex')}`)
  const handle = await calls.open(temporary, 'wx', 0o640)
  await withCleanUp(temporary, async () => {
    try {
      await handle.writeFile(text)
      await shareWithDirectory(handle, dir)
      if (sync) await handle.sync()
    } finally {
      await handle.close()
    }
  })
  return temporary
}

/** The directory's group may read the file, whatever the umask, so that two users can share a directory. */
export async function shareWithDirectory (handle: FileHandle, dir: string): Promise<void> {
  const [file, directory] = await Promise.all([handle.stat(), calls.stat(dir)])
  if (file.gid !== directory.gid) {
    // fails unless we are in that group; the file then keeps its own group
    await handle.chown(-1, directory.gid).catch(() => {})
  }
  if ((file.mode & 0o777) !== 0o640) await handle.chmod(0o640).catch(() => {})
}

async function withCleanUp<T> (temporary: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await calls.unlink(temporary).catch(() => {})
    throw error
  }
}

/** Fsyncs the directory so that new names survive a crash. */
export async function syncDirectory (dir: string): Promise<void> {
  const handle = await calls.open(dir, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (error) {
    // some network and FUSE mounts can't sync a directory; there is nothing better to do there
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF'].includes(errorCode(error))) throw error
  } finally {
    await handle.close()
  }
}

/** @returns whether it was there */
export async function removeFile (path: string): Promise<boolean> {
  return await ifExists(calls.unlink(path).then(() => true)) ?? false
}
