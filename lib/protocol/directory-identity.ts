import { constants, type BigIntStats } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { errorCode } from '../util/error-code.ts'

/** An mtime must be this old, in ms, to rule out a later change with the same mtime: file system timestamps are coarse. */
export const MTIME_SETTLE_MS = 2000

/** The directory, compared with the one that was remembered. */
export interface DirectoryComparison {
  /** Why the directory cannot be used: the code of the system error, such as `ENOENT`. Undefined: it can. */
  readonly problem?: string
  /** Another directory is at this path. */
  readonly replaced: boolean
  /** Names may have been added or removed since the last scan. */
  readonly changed: boolean
}

/** Tracks the directory itself: whether it exists, is still the same inode, and has changed since the last scan. */
export class DirectoryIdentity {
  readonly #dir: string
  #identity: string | undefined
  /** The mtime before the last scan, in ns; undefined if a scan is due in any case. */
  #scannedMtimeNs: bigint | undefined

  constructor (dir: string) {
    this.#dir = dir
  }

  /** Compares the directory with the one that `remember` saw, and its mtime with that of the last scan. It does not reject. */
  async compare (): Promise<DirectoryComparison> {
    try {
      await access(this.#dir, constants.R_OK | constants.X_OK)
      const stats = await stat(this.#dir, { bigint: true })
      if (!stats.isDirectory()) return { problem: 'ENOTDIR', replaced: false, changed: false }
      return { replaced: identityOf(stats) !== this.#identity, changed: stats.mtimeNs !== this.#scannedMtimeNs }
    } catch (error) {
      return { problem: errorCode(error), replaced: false, changed: false }
    }
  }

  /**
   * Remembers the directory that is at this path now. It counts as changed until the next scan.
   * @throws the system error if there is none
   */
  async remember (): Promise<void> {
    this.#identity = identityOf(await stat(this.#dir, { bigint: true }))
    this.#scannedMtimeNs = undefined
  }

  /**
   * Call it before reading the directory's names.
   * @returns a function to call once they have been read
   * @throws the system error if there is no directory
   */
  async startScan (): Promise<() => void> {
    const { mtimeMs, mtimeNs } = await stat(this.#dir, { bigint: true })
    const isSettled = Date.now() - Number(mtimeMs) > MTIME_SETTLE_MS
    return () => { this.#scannedMtimeNs = isSettled ? mtimeNs : undefined }
  }

  /** Makes the directory count as changed until the next scan, whatever its mtime. */
  invalidateScan (): void {
    this.#scannedMtimeNs = undefined
  }

  /** Whether the directory is readable and still the remembered one, so that a missing file was deleted. */
  async isIntact (): Promise<boolean> {
    const { problem, replaced } = await this.compare()
    return problem === undefined && !replaced
  }
}

/** Inode numbers are reused (ext4), so the birth time counts if the file system has one. */
function identityOf ({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`
}
