import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import type { StaleFiles } from '../../protocol/stale-files.ts'
import { readTaskNow, readTaskText } from '../../protocol/task-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { completedTask } from '../../shared/complete-task.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
import { isActive, isTerminal } from '../../shared/task-status.ts'
import type { StoreLogger } from '../../store.ts'
import { errorCode } from '../../util/error-code.ts'
import type { LogWatcher } from '../log/log-watcher.ts'
import type { Catalogue } from './catalogue.ts'
import { CatalogueEntry } from './catalogue-entry.ts'
import type { PollList } from './poll-list.ts'
import type { RefreshTarget } from './refresh-queue.ts'
import type { SideFiles } from './side-files.ts'
import type { UnreadableFiles } from './unreadable-files.ts'

export interface TaskRefresherContext {
  readonly directory: TasksDirectory
  readonly identity: DirectoryIdentity
  readonly catalogue: Catalogue
  readonly sideFiles: SideFiles
  readonly staleFiles: StaleFiles
  readonly logs: LogWatcher
  readonly pollList: PollList
  readonly unreadable: UnreadableFiles
  /** The task existed before the store was opened: it is listed, but not reported as an event. */
  readonly isInitial: (id: string) => boolean
  readonly emitUpsert: (task: StoredTask) => void
  readonly emitDeleted: (id: string) => void
  /** Queues a refresh. */
  readonly enqueue: (id: string, target: RefreshTarget) => void
  readonly log: StoreLogger
}

/** Reads the files of one task again, updates the catalogue, and emits what has changed. */
export class TaskRefresher {
  readonly #context: TaskRefresherContext

  constructor (context: TaskRefresherContext) {
    this.#context = context
  }

  /**
   * It does not reject.
   * @returns what must be refreshed again immediately
   */
  async refresh (id: string, targets: ReadonlySet<RefreshTarget>): Promise<RefreshTarget[]> {
    const { sideFiles, staleFiles, log } = this.#context
    try {
      const isMarkerChanged = targets.has('side-files') && await sideFiles.refresh(id)
      if (isMarkerChanged || targets.has('task-file')) await this.#refreshTaskFile(id)
      if (!sideFiles.ids.has(id)) staleFiles.forget(id)
      else if (targets.has('side-files') || targets.has('task-file')) staleFiles.observe(id)
      if (targets.has('log') && await this.#refreshLog(id)) return ['log']
    } catch (error) {
      log.error({ err: error, taskId: id }, 'fastify-tasks: a task could not be refreshed')
    }
    return []
  }

  /**
   * Reads a task file that a scan has found, by blocking calls. It does not throw.
   * @returns whether the task is known now; otherwise it must be refreshed
   */
  load (id: string, { hasLog }: { hasLog: boolean }): boolean {
    const { directory, catalogue, sideFiles, logs, isInitial } = this.#context
    if (catalogue.get(id) !== undefined || sideFiles.isDeleted(id) || !isInitial(id)) return false
    const file = readTaskNow(directory, id)
    if (file === undefined) return false
    const task = completedTask(file.text)
    // the position in a log that may grow must be known
    if (hasLog && isActive(task.status)) return false
    const entry = new CatalogueEntry(id)
    entry.rememberFile(file.stats)
    logs.watchFound(id, { exists: hasLog })
    catalogue.set(entry, task)
    if (isActive(task.status)) this.updatePolling(id)
    return true
  }

  /** Updates which files of a task are polled. */
  updatePolling (id: string): void {
    const { catalogue, unreadable, logs, pollList } = this.#context
    const isChanging = catalogue.get(id)?.task?.status === 'running' || unreadable.isTaskFileReported(id)
    pollList.update(id, { isChanging, hasLog: logs.exists(id) })
  }

  /** @returns whether there is more to read */
  async #refreshLog (id: string): Promise<boolean> {
    const { catalogue, logs } = this.#context
    const status = () => catalogue.get(id)?.task?.status
    if (status() !== 'queued') return await logs.refresh(id, { isFinished: isTerminal(status()) })
    // a task with output must be running: its status is reported before its output. Output that is written after the
    // task file was read, by a task that was still queued, waits
    const { size, hasNews } = await logs.measure(id)
    if (hasNews) await this.#refreshTaskFile(id)
    return await logs.refresh(id, { isFinished: isTerminal(status()), ...(status() === 'queued' && { limit: size }) })
  }

  async #refreshTaskFile (id: string): Promise<void> {
    const { directory, identity, catalogue, sideFiles, unreadable } = this.#context
    const entry = catalogue.get(id) ?? new CatalogueEntry(id)
    try {
      const { text, stats } = await readTaskText(directory, id)
      if (sideFiles.isDeleted(id)) return this.#delete(entry)
      unreadable.deleteTaskFile(id)
      entry.rememberFile(stats)
      const task = completedTask(text)
      if (entry.task === undefined || Buffer.compare(entry.task.json, task.json) !== 0) await this.#update(entry, task)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') this.#keepUnreadable(entry, error)
      // in an unreadable or replaced directory every file is missing
      else if (await identity.isIntact()) this.#delete(entry)
    }
  }

  async #update (entry: CatalogueEntry, task: StoredTask): Promise<void> {
    const { catalogue, logs, isInitial, emitUpsert, enqueue } = this.#context
    const { id, status } = task
    const isNew = entry.task === undefined
    const isSilent = isNew && isInitial(id)
    const finishes = isTerminal(status) && !isTerminal(entry.task?.status)
    if (isNew) await logs.watch(id, { isReported: isSilent, mayGrow: isActive(status) })
    // the last output is reported before the final status
    if (finishes && !isSilent) await logs.drain(id)
    catalogue.set(entry, task)
    if (!isSilent) emitUpsert(task)
    if (isNew && !finishes && !isSilent) enqueue(id, 'log')
    this.updatePolling(id)
  }

  #delete (entry: CatalogueEntry): void {
    const { catalogue, logs, pollList, unreadable, emitDeleted } = this.#context
    unreadable.deleteTaskFile(entry.id)
    logs.forget(entry.id)
    pollList.remove(entry.id)
    catalogue.delete(entry.id)
    if (entry.task !== undefined) emitDeleted(entry.id)
  }

  /** Keeps the last valid task, because an unreadable file may be a write in progress. */
  #keepUnreadable (entry: CatalogueEntry, error: unknown): void {
    const { catalogue, unreadable } = this.#context
    if (entry.task === undefined) catalogue.addUnread(entry)
    unreadable.addTaskFile(entry.id, error)
    this.updatePolling(entry.id)
  }
}
