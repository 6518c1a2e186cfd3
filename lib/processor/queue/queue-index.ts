import { lstatSync, type BigIntStats } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileName, parseFileName } from '../../protocol/file-names.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { fingerprintOf, readTaskFile } from '../../protocol/task-file.ts'
import { errorCode } from '../../util/error-code.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
import { newestFirst } from '../../shared/task-order.ts'
import { isTerminal, type TaskStatus } from '../../shared/task-status.ts'
import { parseTime } from '../../util/parse-time.ts'
import { typeOf } from '../policy/task-input.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/** Files read side by side, where threads of the pool read them. */
const READ_AT_ONCE = 16
/** A longer type is not kept, so that no file can fill the memory. */
const MAX_TYPE_LENGTH = 200

/** A queued task, as far as it matters for its turn. */
export interface Candidate {
  readonly id: string
  /** As limits by type know it. */
  readonly type: string
}

interface Entry extends Candidate {
  /** Of the file that was read: while it is the same, so is its content. */
  readonly fingerprint: string
  readonly status: TaskStatus | undefined
  readonly createdAt: number
  /** In ms since the epoch; undefined where the file holds no such time. */
  readonly completedAt: number | undefined
  /** When the file was written, in ms since the epoch. */
  readonly writtenAt: number
  /** When it was read, by the monotonic clock. */
  readonly readAt: number
  /** Why it can't be used; undefined: it can. */
  readonly trouble?: string
}

/**
 * What the tasks' files say, as far as the processor must know it before it takes one. A scan reads the directory's
 * names and those files that are new or changed, so that many tasks, queued or ended, cost little.
 */
export class QueueIndex {
  readonly #directory: TasksDirectory
  readonly #onTrouble: (id: string, reason: string) => void
  readonly #reported = new Set<string>()
  readonly #entries = new Map<string, Entry>()
  /**
   * Newest first once sorted. May contain stale entries, which are dropped lazily when they reach the end or on the
   * next sort.
   */
  #queue: Entry[] = []
  #sorted = true

  /** @param onTrouble called once for a task whose file stays unreadable */
  constructor (directory: TasksDirectory, onTrouble: (id: string, reason: string) => void) {
    this.#directory = directory
    this.#onTrouble = onTrouble
  }

  /**
   * Reads what is new or changed.
   * @returns the directory's names
   */
  async scan (): Promise<string[]> {
    const before = [...this.#entries.values()]
    const names = await readdir(this.#directory.path)
    const ids = names.map(parseFileName).flatMap((file) => file?.kind === 'json' ? [file.id] : [])
    const there = new Set(ids)
    // skip entries read since then: they may be newer than this directory listing
    for (const entry of before) if (!there.has(entry.id) && this.#isCurrent(entry)) this.forget(entry.id)
    const troubled = [...this.#entries.values()].filter(({ trouble }) => trouble !== undefined)
    const changed: string[] = []
    await inTimeSlices(ids, (id) => { if (!this.#isKnown(id)) changed.push(id) })
    const unread = changed.values()
    await Promise.all(Array.from({ length: READ_AT_ONCE }, () => inTimeSlices(unread, (id) => this.refresh(id))))
    // the first time, it may have been a write in progress
    for (const { id } of troubled) this.#report(id)
    return names
  }

  /** Reads one task's file. */
  async refresh (id: string): Promise<void> {
    try {
      const { task, stats } = await readTaskFile(this.#directory, id)
      if (!canBeWritten(task)) throw new UnreadableFile('it is nested too deeply to be written again')
      const { status, createdAt } = task
      this.#reported.delete(id)
      this.#set({
        id,
        type: countedTypeOf(task.task),
        fingerprint: fingerprintOf(stats),
        status,
        createdAt,
        completedAt: parseTime(task.task.completedAt),
        writtenAt: Number(stats.mtimeMs),
        readAt: performance.now()
      })
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
  oldest (isCandidate: (task: Candidate) => boolean): Candidate | undefined {
    if (!this.#sorted) this.#queue = this.#queue.filter((entry) => this.#isCurrent(entry)).sort(newestFirst)
    this.#sorted = true
    while (this.#queue.length > 0 && !this.#isCurrent(this.#queue.at(-1)!)) this.#queue.pop()
    return this.#queue.findLast((entry) => this.#isCurrent(entry) && isCandidate(entry))
  }

  withStatus (status: TaskStatus): string[] {
    return [...this.#entries.values()].filter((entry) => entry.status === status).map(({ id }) => id)
  }

  /** The tasks that have ended. */
  finished (): Entry[] {
    return [...this.#entries.values()].filter(({ status }) => isTerminal(status))
  }

  #set (entry: Entry): void {
    this.#entries.set(entry.id, entry)
    if (entry.status !== 'queued') return
    this.#queue.push(entry)
    this.#sorted = false
  }

  #isCurrent (entry: Entry): boolean {
    return this.#entries.get(entry.id) === entry
  }

  #remember (id: string, error: unknown): void {
    const stats = this.#lstat(id)
    if (stats === undefined) return
    const unusable = error instanceof UnreadableFile
    this.#set({
      id,
      type: '',
      // empty after system errors, so that the next scan retries
      fingerprint: unusable ? fingerprintOf(stats) : '',
      status: undefined,
      createdAt: 0,
      completedAt: undefined,
      writtenAt: 0,
      readAt: 0,
      trouble: unusable ? error.message : errorCode(error)
    })
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
      return lstatSync(join(this.#directory.path, fileName(id, 'json')), { bigint: true })
    } catch {
      return undefined
    }
  }
}

/** The task type used for per-type concurrency limits. */
export function countedTypeOf (task: { type: string }): string {
  const type = typeOf(task)
  return type.length <= MAX_TYPE_LENGTH ? type : ''
}

/** `JSON.stringify` goes less deep than `JSON.parse`; what is short is not deep. */
function canBeWritten ({ json, task }: StoredTask): boolean {
  if (json.length < 4096) return true
  try {
    return JSON.stringify(task, null, 2) !== ''
  } catch {
    return false
  }
}
