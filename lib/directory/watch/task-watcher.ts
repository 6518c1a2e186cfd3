import { basename } from 'node:path'
import { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import { fileName, parseFileName } from '../../protocol/file-names.ts'
import type { StaleFiles } from '../../protocol/stale-files.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import type { Interest, StoreLogger, TaskEvent } from '../../store.ts'
import { EventHistory } from '../event-history.ts'
import { LogWatcher } from '../log/log-watcher.ts'
import { RepeatedErrors } from '../../util/repeated-errors.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import { Subscribers } from '../subscribers.ts'
import { Catalogue } from './catalogue.ts'
import { DirectoryMonitor } from './directory-monitor.ts'
import { FilePoller, usePolling } from './file-poller.ts'
import { MissedChanges } from './missed-changes.ts'
import { PollList } from './poll-list.ts'
import { RefreshQueue } from './refresh-queue.ts'
import { Scanner } from './scanner.ts'
import { SideFiles } from './side-files.ts'
import { TaskRefresher } from './task-refresher.ts'
import { UnreadableFiles } from './unreadable-files.ts'

/** The state of the watcher itself, for health. */
export interface WatcherState {
  /** `native`: file events of the system, besides polling. */
  readonly mode: 'native' | 'polling'
  /** Why the directory cannot be read now: the code of the system error. Undefined: it can. */
  readonly problem: string | undefined
  /** Number of files that are also polled, because file events may be missing. */
  readonly polledFiles: number
  /** Number of changes that only a scan found, because the system dropped their file events. */
  readonly missedChanges: number
  /** File name → reason. */
  readonly unreadable: ReadonlyMap<string, string>
}

export interface TaskWatcherOptions {
  /** Gets the tasks that have a claim or a cancel marker, and the names of temporary files. */
  readonly staleFiles: StaleFiles
  /** The directory is on a local file system. */
  readonly isLocal: boolean
  readonly log: StoreLogger
}

/**
 * Watches one tasks directory: hints in, events out. A hint (from a file event, polling, a scan or our own write) only says
 * what to refresh; events always reflect the content of the files.
 */
export class TaskWatcher {
  readonly #catalogue = new Catalogue()
  readonly #history = new EventHistory()
  readonly #subscribers: Subscribers
  readonly #missedChanges: MissedChanges
  readonly #sideFiles: SideFiles
  readonly #unreadable: UnreadableFiles
  readonly #logs: LogWatcher
  readonly #poller: FilePoller
  readonly #pollList: PollList
  readonly #queue: RefreshQueue
  readonly #refresher: TaskRefresher
  readonly #monitor: DirectoryMonitor
  readonly #isLocal: boolean
  readonly #log: StoreLogger
  #closed: Promise<void> | undefined

  constructor (directory: TasksDirectory, { staleFiles, isLocal, log }: TaskWatcherOptions) {
    const { path } = directory
    this.#isLocal = isLocal
    this.#log = log
    const identity = new DirectoryIdentity(path)
    const errors = new RepeatedErrors(log)
    this.#subscribers = new Subscribers((error) => errors.report('a listener failed', error))
    this.#missedChanges = new MissedChanges(() => {
      log.warn('fastify-tasks: the system dropped file events; a scan found the changes')
      this.#poll('some were dropped')
    })
    this.#sideFiles = new SideFiles(directory)
    this.#queue = new RefreshQueue((id, targets) => this.#refresher.refresh(id, targets))
    this.#unreadable = new UnreadableFiles({ retry: (id, target) => this.#queue.add(id, target), log })
    this.#poller = new FilePoller(path, (file) => this.#handleHint(basename(file)))
    this.#pollList = new PollList(path, this.#poller)
    this.#logs = new LogWatcher(path, {
      isWanted: (id) => this.#subscribers.wantsLog(id),
      emit: (id, change) => this.#subscribers.emit(this.#history.log(id, change)),
      onFileChange: (id) => this.#refresher.updatePolling(id),
      report: (id, error) => error === undefined ? this.#unreadable.deleteLog(id) : this.#unreadable.addLog(id, error)
    })
    this.#refresher = new TaskRefresher({
      directory,
      identity,
      catalogue: this.#catalogue,
      sideFiles: this.#sideFiles,
      staleFiles,
      logs: this.#logs,
      pollList: this.#pollList,
      unreadable: this.#unreadable,
      isInitial: (id) => this.#monitor.isLoading && !this.#missedChanges.wasReported(fileName(id, 'json')),
      emitUpsert: (task) => this.#subscribers.emit(this.#history.upsert(task)),
      emitDeleted: (id) => this.#subscribers.emit(this.#history.deleted(id)),
      enqueue: (id, target) => this.#queue.add(id, target),
      log
    })
    this.#monitor = new DirectoryMonitor(path, {
      identity,
      scanner: this.#createScanner(path, identity, staleFiles),
      onEvent: (name) => this.#handleEvent(name),
      onMissingEvents: (reason) => this.#poll(reason),
      mayMissEvents: () => this.#pollList.isEnabled,
      log
    })
  }

  get tasks (): Catalogue {
    return this.#catalogue
  }

  get lastEventId (): string {
    return this.#history.lastEventId
  }

  /** Changes with every task that is added, changed or deleted. */
  get version (): string {
    return this.#history.version
  }

  get state (): WatcherState {
    return {
      mode: this.#monitor.hasEvents ? 'native' : 'polling',
      problem: this.#monitor.problem,
      polledFiles: this.#pollList.size,
      missedChanges: this.#missedChanges.count,
      unreadable: this.#unreadable.reasons
    }
  }

  /**
   * Starts watching before the initial scan, so that no change is missed.
   * @returns once file events are attached, `loaded`: it resolves when all tasks are known
   */
  async start (): Promise<{ loaded: Promise<void> }> {
    if (usePolling() === true) this.#poll('CHOKIDAR_USEPOLLING is set')
    else if (!this.#isLocal) this.#poll('the directory is not on a known local file system')
    return await this.#monitor.start()
  }

  /** Refreshes a task now. Resolves when the current content of its task file has been emitted. */
  async refresh (id: string): Promise<void> {
    await this.#queue.refresh(id, ['task-file'])
  }

  /** Queues a refresh of a task whose files this process has changed. */
  enqueue (id: string): void {
    this.#queue.add(id, 'side-files')
    this.#queue.add(id, 'task-file')
  }

  since (eventId: string): TaskEvent[] | undefined {
    return this.#history.since(eventId)
  }

  subscribe (listener: (event: TaskEvent) => void, interest: Interest): () => void {
    const unsubscribe = this.#subscribers.add(listener, interest)
    const { unread } = this.#logs
    if (interest.logs === true) inTimeSlices(unread, (id) => this.#queue.add(id, 'log'))
    else if (typeof interest.logs === 'string' && unread.has(interest.logs)) this.#queue.add(interest.logs, 'log')
    return unsubscribe
  }

  close (): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close (): Promise<void> {
    this.#unreadable.close()
    await Promise.all([this.#monitor.close(), this.#poller.close(), this.#queue.close()])
    this.#subscribers.clear()
  }

  #createScanner (path: string, identity: DirectoryIdentity, staleFiles: StaleFiles): Scanner {
    return new Scanner(path, {
      isLocal: this.#isLocal,
      identity,
      missedChanges: this.#missedChanges,
      staleFiles,
      tasks: this.#catalogue.entries,
      sideFiles: this.#sideFiles.ids,
      isDeleted: (id) => this.#sideFiles.isDeleted(id),
      isLogMissing: (id) => this.#logs.isMissing(id),
      isUnreadable: (id) => this.#unreadable.hasTaskFile(id),
      isRefreshing: (id) => this.#queue.has(id),
      load: (id, options) => this.#mayLoad(id) && this.#refresher.load(id, options),
      refresh: (id, targets) => this.#queue.refresh(id, targets)
    })
  }

  /** During the first scan, whether nothing is known of the task's files but their names. */
  #mayLoad (id: string): boolean {
    return this.#isLocal && this.#monitor.isLoading && !this.#queue.has(id) && !this.#missedChanges.wasReported(fileName(id, 'log'))
  }

  /** File events may be missing. */
  #poll (reason: string): void {
    if (this.#pollList.isEnabled || usePolling() === false) return
    this.#log.info(`fastify-tasks: files are also polled, because file events may be missing (${reason})`)
    this.#pollList.enable()
  }

  #handleEvent (name: string): void {
    if (this.#handleHint(name)) this.#missedChanges.addEvent(name)
  }

  /**
   * Queues a refresh of the named file.
   * @returns whether it is the name of a task's file
   */
  #handleHint (name: string): boolean {
    const file = parseFileName(name)
    if (file === undefined) return false
    const { id, kind } = file
    if (kind === 'json') this.#queue.add(id, 'task-file')
    else if (kind !== 'log') this.#queue.add(id, 'side-files')
    else if (this.#logs.handleHint(id, { isRefreshing: this.#queue.has(id) })) this.#queue.add(id, 'log')
    return true
  }
}
