import { lstatSync, type BigIntStats } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileName, parseFileName } from '../../protocol/file-names.ts'
import { fingerprintOf, readTaskText } from '../../protocol/task-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { isTerminal, type TaskStatus } from '../../shared/task-status.ts'
import { errorCode } from '../../util/error-code.ts'
import { forEachConcurrently } from '../../util/for-each-concurrently.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import { indexedTask, unusableFile, type IndexedFile, type IndexedTask, type QueuedTask } from './indexed-file.ts'
import { TaskQueue } from './task-queue.ts'

/** Files read concurrently, if the threads of the pool read them. */
const CONCURRENT_READS = 16

/**
 * What the processor must know about the task files before it claims a task. A scan reads the directory's names and the
 * files that are new or changed, so that many tasks, queued or finished, cost little.
 */
export class QueueIndex {
  readonly #directory: TasksDirectory
  readonly #onUnusable: (id: string, problem: string) => void
  readonly #files = new Map<string, IndexedFile>()
  readonly #queue = new TaskQueue((task) => this.#isCurrent(task))
  readonly #reported = new Set<string>()

  /** @param onUnusable called once for a task file that is unusable in two scans */
  constructor (directory: TasksDirectory, onUnusable: (id: string, problem: string) => void) {
    this.#directory = directory
    this.#onUnusable = onUnusable
  }

  /**
   * Reads what is new or changed.
   * @returns the directory's names
   */
  async scan (): Promise<string[]> {
    const before = [...this.#files.values()]
    const names = await readdir(this.#directory.path)
    const ids = names.map(parseFileName).flatMap((file) => file?.kind === 'json' ? [file.id] : [])
    this.#forgetMissing(before, new Set(ids))
    const unusable = [...this.#files.values()].filter(({ problem }) => problem !== undefined)
    const changed: string[] = []
    await inTimeSlices(ids, (id) => { if (!this.#isUnchanged(id)) changed.push(id) })
    await forEachConcurrently(changed, CONCURRENT_READS, (id) => this.refresh(id))
    // in the first scan, it may have been a write in progress
    for (const { id } of unusable) this.#reportUnusable(id)
    return names
  }

  /** Reads one task file. */
  async refresh (id: string): Promise<void> {
    try {
      const { text, stats } = await readTaskText(this.#directory, id)
      this.#addTask(indexedTask(text, stats))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') this.forget(id)
      else this.#addUnusable(id, error)
    }
  }

  /** Removes a task from the index. The next scan reads its file again. */
  forget (id: string): void {
    this.#files.delete(id)
  }

  /**
   * Removes the queued task from the index that was created first, of those that `accepts` accepts. If it cannot be
   * claimed, the next scan adds it again.
   */
  takeOldest (accepts: (task: QueuedTask) => boolean): QueuedTask | undefined {
    this.#queue.compact()
    const task = this.#queue.findOldest(accepts)
    if (task !== undefined) this.forget(task.id)
    return task
  }

  withStatus (status: TaskStatus): string[] {
    return this.#tasks().filter((task) => task.status === status).map(({ id }) => id)
  }

  finished (): IndexedTask[] {
    return this.#tasks().filter(({ status }) => isTerminal(status))
  }

  #tasks (): IndexedTask[] {
    return [...this.#files.values()].filter((file) => file.problem === undefined)
  }

  #addTask (task: IndexedTask): void {
    this.#files.set(task.id, task)
    this.#reported.delete(task.id)
    if (task.status === 'queued') this.#queue.add(task)
  }

  #addUnusable (id: string, error: unknown): void {
    const stats = this.#lstat(id)
    if (stats !== undefined) this.#files.set(id, unusableFile(id, error, stats))
  }

  #forgetMissing (before: readonly IndexedFile[], ids: ReadonlySet<string>): void {
    // skip files that were read since then: they may be newer than this directory listing
    for (const file of before) if (!ids.has(file.id) && this.#isCurrent(file)) this.forget(file.id)
  }

  #isCurrent (file: IndexedFile): boolean {
    return this.#files.get(file.id) === file
  }

  #isUnchanged (id: string): boolean {
    const file = this.#files.get(id)
    const stats = file && this.#lstat(id)
    return stats !== undefined && fingerprintOf(stats) === file?.fingerprint
  }

  #reportUnusable (id: string): void {
    const problem = this.#files.get(id)?.problem
    if (problem === undefined || this.#reported.has(id)) return
    this.#reported.add(id)
    this.#onUnusable(id, problem)
  }

  /** Synchronous, at a third of the cost: 40 ms for 10,000 files. */
  #lstat (id: string): BigIntStats | undefined {
    try {
      return lstatSync(join(this.#directory.path, fileName(id, 'json')), { bigint: true })
    } catch {
      return undefined
    }
  }
}
