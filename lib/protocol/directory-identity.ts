import { constants, type BigIntStats } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { errorCode } from '../util/error-code.ts'

/** A more recent mtime may hide a later change, because file system timestamps are coarse. */
export const UNSETTLED_MS = 2000

/** What a look at the directory itself says: it can't be used (the system's code), it is another one, or its names may have changed. */
export interface DirectoryState {
  readonly trouble?: string
  readonly replaced: boolean
  readonly changed: boolean
}

/** Tracks the directory itself: whether it exists, is still the same inode, and has changed since the last scan. */
export class DirectoryIdentity {
  readonly #dir: string
  #identity: string | undefined
  #scanned: bigint | undefined

  constructor (dir: string) {
    this.#dir = dir
  }

  /** Compares with what `accept` and `scanned` have set. */
  async check (): Promise<DirectoryState> {
    try {
      await access(this.#dir, constants.R_OK | constants.X_OK)
      const stats = await stat(this.#dir, { bigint: true })
      if (!stats.isDirectory()) return { trouble: 'ENOTDIR', replaced: false, changed: false }
      return { replaced: identityOf(stats) !== this.#identity, changed: stats.mtimeNs !== this.#scanned }
    } catch (error) {
      return { trouble: errorCode(error), replaced: false, changed: false }
    }
  }

  /** Takes the directory that stands there now as the one that is watched. */
  async accept (): Promise<void> {
    this.#identity = identityOf(await stat(this.#dir, { bigint: true }))
    this.#scanned = undefined
  }

  /** Call it before the names are read; the function that it gives, when they have been read. */
  async beforeScan (): Promise<() => void> {
    const { mtimeNs } = await stat(this.#dir, { bigint: true })
    const settled = Date.now() - Number(mtimeNs / 1_000_000n) > UNSETTLED_MS
    return () => { this.#scanned = settled ? mtimeNs : undefined }
  }

  /** The names must be read again, whatever the directory's time stamp says. */
  forgetScan (): void {
    this.#scanned = undefined
  }

  /** Whether a file that is not there is gone, rather than the directory. */
  async isSame (): Promise<boolean> {
    const { trouble, replaced } = await this.check()
    return trouble === undefined && !replaced
  }
}

/** Inode numbers are reused (ext4), so the birth time counts where the file system has one. */
function identityOf ({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`
}
