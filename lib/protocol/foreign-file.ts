import type { Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileName, type FileKind } from './file-names.ts'
import { ifExists } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

/** The name of a task's file belongs to something that is not a regular file, and that no program of the protocol created. */
export class ForeignFile extends Error {
  readonly code = 'FOREIGN'
  /** The file's name in the tasks directory. */
  readonly fileName: string

  /** @param reason continues a sentence that starts with the file's name */
  constructor (fileName: string, reason: string) {
    super(reason)
    this.fileName = fileName
  }
}

/**
 * Examines the names of some files of a task; they need not exist.
 * @throws ForeignFile if one belongs to something that is not a regular file
 * @throws the system error
 */
export async function refuseForeign (directory: TasksDirectory, id: string, kinds: readonly FileKind[]): Promise<void> {
  await examine(directory, id, kinds, (stats) => !stats.isFile())
}

/** Like `refuseForeign`, for directories only: what else has these names can be removed like a file. */
export async function refuseDirectories (directory: TasksDirectory, id: string, kinds: readonly FileKind[]): Promise<void> {
  await examine(directory, id, kinds, (stats) => stats.isDirectory())
}

async function examine ({ path }: TasksDirectory, id: string, kinds: readonly FileKind[], isRefused: (stats: Stats) => boolean): Promise<void> {
  for (const kind of kinds) {
    const name = fileName(id, kind)
    const stats = await ifExists(lstat(join(path, name)))
    if (stats !== undefined && isRefused(stats)) throw new ForeignFile(name, `it is ${describeKind(stats)}`)
  }
}

function describeKind (stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isSymbolicLink()) return 'a symbolic link'
  if (stats.isFIFO()) return 'a FIFO'
  return stats.isSocket() ? 'a socket' : 'a device'
}
