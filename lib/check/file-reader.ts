import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifExists, openRegular, readText, UnreadableFile } from '../protocol/regular-file.ts'
import { tasksDirectory, type TasksDirectory } from '../protocol/tasks-directory.ts'
import { errorCode } from '../util/error-code.ts'
import { error, warning, type FileFinding, type Finding } from './finding.ts'

/** Why there is no content to check: the file does not exist, or a finding says why it cannot be used. */
export type NoContent = 'absent' | 'unusable'

/** Collects the findings about single files, and reads these files. */
export class FileReader {
  readonly findings: FileFinding[] = []
  readonly directory: TasksDirectory
  readonly #stats: BigIntStats

  /** @param stats the stats of the directory itself */
  constructor (dir: string, stats: BigIntStats) {
    this.directory = tasksDirectory(dir)
    this.#stats = stats
  }

  add (name: string, findings: readonly Finding[]): void {
    this.findings.push(...findings.map((finding) => ({ name, ...finding })))
  }

  /** Waits until a file has been read. A file that cannot be used, or not by the directory's group, is a finding. */
  async result<T extends { stats: BigIntStats }> (name: string, reading: Promise<T>): Promise<T | NoContent> {
    try {
      const file = await reading
      if (!this.#groupCanRead(file.stats)) this.add(name, [warning('the directory\'s group cannot read it')])
      return file
    } catch (reason) {
      if (errorCode(reason) === 'ENOENT') return 'absent'
      this.add(name, [error(reason instanceof UnreadableFile ? reason.message : `it cannot be read (${errorCode(reason)})`)])
      return 'unusable'
    }
  }

  async text (name: string, limit: number): Promise<{ text: string, stats: BigIntStats } | NoContent> {
    return await this.result(name, readText(this.directory, name, limit))
  }

  /** The stats of a regular file. */
  async stats (name: string): Promise<{ stats: BigIntStats } | NoContent> {
    return await this.result(name, this.#open(name))
  }

  /** The stats of a file of any kind; undefined if there is none. */
  async lstat (name: string): Promise<BigIntStats | undefined> {
    return await ifExists(lstat(join(this.directory.path, name), { bigint: true }))
  }

  async #open (name: string): Promise<{ stats: BigIntStats }> {
    const { handle, stats } = await openRegular(this.directory.fs, join(this.directory.path, name))
    await handle.close()
    return { stats }
  }

  /** True as well if the group has no access to the directory itself. */
  #groupCanRead ({ gid, mode }: BigIntStats): boolean {
    const directory = this.#stats
    if ((directory.mode & 0o050n) !== 0o050n) return true
    return (mode & (gid === directory.gid ? 0o040n : 0o004n)) !== 0n
  }
}

/** The time since the last change of a file, in ms, by this machine's clock. */
export function ageOf ({ mtimeMs }: BigIntStats): number {
  return Date.now() - Number(mtimeMs)
}
