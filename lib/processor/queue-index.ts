import { lstatSync, type BigIntStats } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fileName, parseFileName, readTaskFile, UnreadableFile } from '../directory/files.ts'
import { newestFirst, type TaskStatus } from '../task.ts'

const READ_AT_ONCE = 16

interface Entry {
  readonly id: string
  /** Of the file that was read: while it is the same, so is its content. */
  readonly fingerprint: string
  readonly status: TaskStatus | undefined
  readonly createdAt: number
  /** Why it can't be used; undefined: it can. */
  readonly trouble?: string
}

/**
 * Which tasks are queued. A scan reads the directory's names and those files that are new or changed, so that many
 * tasks, queued or ended, cost little.
 */
export class QueueIndex {
  readonly #dir: string
  readonly #onTrouble: (id: string, reason: string) => void
  readonly #reported = new Set<string>()
  readonly #entries = new Map<string, Entry>()

  /** @param onTrouble called once for a task whose file stays unreadable */
  constructor (dir: string, onTrouble: (id: string, reason: string) => void) {
    this.#dir = dir
    this.#onTrouble = onTrouble
  }

  /**
   * Reads what is new or changed.
   * @returns the directory's names
   */
  async scan (): Promise<string[]> {
    const names = await readdir(this.#dir)
    const ids = names.map(parseFileName).flatMap((file) => file?.kind === 'json' ? [file.id] : [])
    const there = new Set(ids)
    for (const id of this.#entries.keys()) if (!there.has(id)) this.forget(id)
    const troubled = [...this.#entries.values()].filter(({ trouble }) => trouble !== undefined)
    const changed = ids.filter((id) => !this.#isKnown(id))
    const readNext = async (): Promise<void> => {
      for (let id = changed.pop(); id !== undefined; id = changed.pop()) await this.refresh(id)
    }
    await Promise.all(Array.from({ length: READ_AT_ONCE }, readNext))
    // the first time, it may have been a write in progress
    for (const { id } of troubled) this.#report(id)
    return names
  }

  /** Reads one task's file. */
  async refresh (id: string): Promise<void> {
    try {
      const { task, stats } = await readTaskFile(this.#dir, id)
      this.#reported.delete(id)
      this.#entries.set(id, { id, fingerprint: fingerprintOf(stats), status: task.status, createdAt: task.createdAt })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') this.forget(id)
      else this.#remember(id, error)
    }
  }

  /** The next scan reads it again. */
  forget (id: string): void {
    this.#entries.delete(id)
  }

  /** The queued task that was created first, of those that `isCandidate` accepts. */
  oldest (isCandidate: (id: string) => boolean): string | undefined {
    let oldest: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (entry.status !== 'queued' || (oldest !== undefined && newestFirst(entry, oldest) < 0)) continue
      if (isCandidate(entry.id)) oldest = entry
    }
    return oldest?.id
  }

  withStatus (status: TaskStatus): string[] {
    return [...this.#entries.values()].filter((entry) => entry.status === status).map(({ id }) => id)
  }

  #remember (id: string, error: unknown): void {
    const stats = this.#lstat(id)
    if (stats === undefined) return
    const unusable = error instanceof UnreadableFile
    // what the system refused now, it may grant the next time
    const fingerprint = unusable ? fingerprintOf(stats) : ''
    this.#entries.set(id, { id, fingerprint, status: undefined, createdAt: 0, trouble: unusable ? error.message : errorCode(error) })
  }

  #report (id: string): void {
    const trouble = this.#entries.get(id)?.trouble
    if (trouble === undefined || this.#reported.has(id)) return
    this.#reported.add(id)
    this.#onTrouble(id, trouble)
  }

  #isKnown (id: string): boolean {
    const entry = this.#entries.get(id)
    const stats = entry && this.#lstat(id)
    return stats !== undefined && fingerprintOf(stats) === entry?.fingerprint
  }

  /** Synchronous: a third of the cost, with 10,000 files a look of 40 ms. */
  #lstat (id: string): BigIntStats | undefined {
    try {
      return lstatSync(join(this.#dir, fileName(id, 'json')), { bigint: true })
    } catch {
      return undefined
    }
  }
}

function fingerprintOf ({ ino, mtimeNs, ctimeNs, size }: BigIntStats): string {
  return `${ino}:${mtimeNs}:${ctimeNs}:${size}`
}
