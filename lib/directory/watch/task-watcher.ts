import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Interest, StoreLogger, TaskEvent } from '../../store.ts'
import type { StoredTask } from '../../shared/stored-task.ts'
import { isActive, isTerminal } from '../../shared/task-status.ts'
import { Entry, Catalogue } from './catalogue.ts'
import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { fileName, parseFileName } from '../../protocol/file-names.ts'
import { ifExists, UnreadableFile } from '../../protocol/regular-file.ts'
import { fingerprintOf, readTaskFile } from '../../protocol/task-file.ts'
import { errorCode } from '../../util/error-code.ts'
import { DirectoryIdentity, MTIME_SETTLE_MS } from '../../protocol/directory-identity.ts'
import { LogWatcher } from '../log/log-watcher.ts'
import { RefreshQueue, type Part } from './refresh-queue.ts'
import { FileEvents } from '../../util/file-events.ts'
import { FilePoller } from './file-poller.ts'
import { EventHistory } from '../event-history.ts'
import { Scanner } from './scanner.ts'
import { Subscribers } from '../subscribers.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

const TICK_MS = 1000
/** Ticks between attempts to get the system's notices back. */
const REATTACH_TICKS = 30
/** An unreadable task file is looked at again after 10 ms, then twice as long each time, this often. */
const MAX_RETRIES = 7
const FIRST_RETRY_MS = 10
/** After that, where the system refused it (no rights, no descriptors, an I/O error), every so often. */
const REFUSED_RETRY_MS = 5000

/** What the watcher knows of itself, for health. */
export interface WatcherState {
  readonly mode: 'native' | 'polling'
  /** The system's code, where the directory can't be read now. */
  readonly trouble: string | undefined
  /** Changes that only a scan found: the system dropped its notices. */
  readonly missedChanges: number
  /** File name → what is wrong with it. */
  readonly unreadable: ReadonlyMap<string, string>
}

/**
 * Watches one tasks directory: hints in, events out. A hint (from fs.watch, polling, a scan or our own write) only says
 * what to re-read; events always reflect the file contents.
 */
export class TaskWatcher {
  readonly #directory: TasksDirectory
  readonly #log: StoreLogger
  readonly #ring = new EventHistory()
  readonly #catalogue = new Catalogue()
  readonly #looks: RefreshQueue
  readonly #logs: LogWatcher
  readonly #native: FileEvents
  readonly #polled: FilePoller
  readonly #guard: DirectoryIdentity
  readonly #scanner: Scanner
  readonly #subscribers = new Subscribers((error) => this.#log.error({ err: error }, 'fastify-tasks: a listener failed'))
  readonly #unreadable = new Map<string, string>()
  /** Tasks that have a claim or a marker. */
  readonly #side = new Set<string>()
  /** Tasks whose marker says that they are deleted, whatever their file says. */
  readonly #deleted = new Set<string>()
  #trouble: string | undefined
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #ticks = 0
  #loading = true
  #closed = false
  #closing: Promise<void> | undefined

  constructor (directory: TasksDirectory, { log }: { log: StoreLogger }) {
    this.#directory = directory
    const dir = directory.path
    this.#log = log
    this.#looks = new RefreshQueue((id, parts) => this.#lookAt(id, parts))
    this.#native = new FileEvents((name) => this.#hinted(name), (code) => this.#lostNative(code))
    this.#polled = new FilePoller(dir, (path) => this.#mark(path.slice(path.lastIndexOf('/') + 1)))
    this.#guard = new DirectoryIdentity(dir)
    this.#logs = new LogWatcher(dir, {
      wanted: (taskId) => this.#subscribers.wantLog(taskId),
      tell: (taskId, change) => this.#subscribers.tell(this.#ring.log(taskId, change)),
      moved: (entry) => this.#poll(entry),
      report: (name, reason) => this.#report(name, reason)
    })
    this.#scanner = new Scanner(dir, {
      guard: this.#guard,
      known: this.#catalogue,
      side: this.#side,
      deleted: this.#deleted,
      busy: (id) => this.#looks.has(id),
      look: async (id, parts) => { await this.#looks.look(id, parts) },
      onMissed: () => this.#log.warn('fastify-tasks: the system dropped notices of changes; a scan found them')
    })
  }

  /** Ids of tasks that have a claim or a marker now. */
  get side (): ReadonlySet<string> {
    return this.#side
  }

  get tasks (): Catalogue {
    return this.#catalogue
  }

  get lastEventId (): string {
    return this.#ring.lastEventId
  }

  get state (): WatcherState {
    return {
      mode: this.#native.attached ? 'native' : 'polling',
      trouble: this.#trouble,
      missedChanges: this.#scanner.missedChanges,
      unreadable: this.#unreadable
    }
  }

  /** Names of temporary files, as of the last scan. */
  get temporaries (): readonly string[] {
    return this.#scanner.temporaries
  }

  /**
   * Starts watching before the initial scan, so that no change is missed.
   * @returns once attached, `loaded`: resolves when every task is known
   */
  async start (): Promise<{ loaded: Promise<void> }> {
    await this.#attach()
    this.#timer = setInterval(() => { this.#tick() }, TICK_MS).unref()
    const loaded = this.#scanner.scan({ compare: false })
      .catch((error) => this.#inTrouble(errorCode(error)))
      .finally(() => { this.#loading = false })
    return { loaded }
  }

  /** Refreshes a task now; resolves when what its file says now has been told. */
  async refresh (id: string): Promise<void> {
    await this.#looks.look(id, ['json'])
  }

  since (eventId: string): TaskEvent[] | undefined {
    return this.#ring.since(eventId)
  }

  subscribe (listener: (event: TaskEvent) => void, interest: Interest): () => void {
    const unsubscribe = this.#subscribers.add(listener, interest)
    for (const id of this.#logs.unseen) if (this.#subscribers.wantLog(id)) this.#looks.mark(id, 'log')
    return unsubscribe
  }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    this.#native.close()
    for (const entry of this.#catalogue.entries()) clearTimeout(entry.retry)
    await Promise.all([this.#polled.close(), this.#looks.close(), this.#ticking])
    this.#subscribers.clear()
  }

  // Hints

  #hinted (name: string | null): void {
    if (name === null) this.#guard.invalidateScan()
    else if (this.#mark(name)) this.#scanner.hinted(name)
  }

  #mark (name: string): boolean {
    const file = parseFileName(name)
    if (file === undefined) return false
    if (file.kind !== 'log') this.#looks.mark(file.id, file.kind === 'json' ? 'json' : 'side')
    else if (this.#logs.hinted(file.id, this.#catalogue.get(file.id), this.#looks.has(file.id))) this.#looks.mark(file.id, 'log')
    return true
  }

  #lostNative (code: string): void {
    if (this.#ticks === 0 || this.#ticks % REATTACH_TICKS !== 0) {
      this.#log.warn(`fastify-tasks: the system gives no notices of changes (${code}); polling carries on`)
    }
  }

  async #attach (): Promise<void> {
    this.#native.attach(this.#directory.path)
    await this.#guard.remember()
  }

  // The directory itself

  #tick (): Promise<void> {
    this.#ticking ??= this.#checkDirectory()
      .catch((error) => this.#inTrouble(errorCode(error)))
      .finally(() => { this.#ticking = undefined })
    return this.#ticking
  }

  async #checkDirectory (): Promise<void> {
    this.#ticks++
    const { problem: trouble, replaced, changed } = await this.#guard.compare()
    if (this.#closed) return
    if (trouble !== undefined) return this.#inTrouble(trouble)
    const recovered = this.#trouble !== undefined
    if (recovered) this.#log.info('fastify-tasks: the tasks directory can be read again')
    this.#trouble = undefined
    const again = !this.#native.attached && this.#ticks % REATTACH_TICKS === 0
    if (replaced || recovered || again) await this.#attach()
    if (replaced || recovered) await this.#scanner.scan({ compare: true })
    else if (!this.#loading) await this.#scanner.tick({ changed, attached: this.#native.attached })
  }

  #inTrouble (code: string): void {
    if (this.#trouble === undefined) this.#log.warn(`fastify-tasks: the tasks directory can't be read (${code}); the last known tasks stand`)
    this.#trouble = code
  }

  // RefreshQueue

  /** @returns what is to be looked at again at once */
  async #lookAt (id: string, parts: ReadonlySet<Part>): Promise<Iterable<Part>> {
    const again = new Set<Part>()
    try {
      if (parts.has('side') && await this.#lookAtSide(id)) await this.#lookAtTask(id)
      else if (parts.has('json')) await this.#lookAtTask(id)
      // a task with output must be running: refresh its status first, so that it is reported before the output
      if (parts.has('log') && this.#catalogue.get(id)?.task?.status === 'queued') await this.#lookAtTask(id)
      const entry = this.#catalogue.get(id)
      if (parts.has('log') && entry?.tail !== undefined && await this.#logs.look(entry)) again.add('log')
    } catch (error) {
      this.#log.error({ err: error, taskId: id }, 'fastify-tasks: failed to refresh a task')
    }
    return again
  }

  /** @returns whether the task's own file must be looked at again */
  async #lookAtSide (id: string): Promise<boolean> {
    const [claim, marker] = await Promise.all([
      ifExists(lstat(join(this.#directory.path, fileName(id, 'claim')))),
      readCancelMarker(this.#directory, id).catch(() => 'cancel' as const)
    ])
    if (claim !== undefined || marker !== undefined) this.#side.add(id)
    else this.#side.delete(id)
    const wasDeleted = this.#deleted.has(id)
    if (marker === 'delete') this.#deleted.add(id)
    else this.#deleted.delete(id)
    return wasDeleted !== (marker === 'delete')
  }

  async #lookAtTask (id: string): Promise<void> {
    const entry = this.#catalogue.get(id) ?? new Entry(id)
    try {
      const { task, stats } = await readTaskFile(this.#directory, id)
      if (this.#deleted.has(id)) return this.#gone(entry)
      this.#readable(entry)
      entry.fingerprint = fingerprintOf(stats)
      entry.settled = Date.now() - Number(stats.mtimeMs) > MTIME_SETTLE_MS
      if (entry.task?.json === task.json) return
      await this.#changed(entry, task)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') return this.#unreadableTask(entry, error)
      // only a file that is missing from the readable directory is gone
      if (await this.#guard.isIntact()) this.#gone(entry)
    }
  }

  async #changed (entry: Entry, task: StoredTask): Promise<void> {
    const isNew = entry.task === undefined
    const silent = isNew && this.#loading && !this.#scanner.wasHinted(fileName(task.id, 'json'))
    const ends = isTerminal(task.status) && !isTerminal(entry.task?.status)
    if (isNew) await this.#logs.begin(entry, { told: silent, growing: isActive(task.status) })
    // the log's last bytes come before the end of its task
    if (ends && !silent) await this.#logs.drain(entry)
    this.#catalogue.set(entry, task)
    if (!silent) this.#subscribers.tell(this.#ring.upsert(task))
    if (isNew && !ends && !silent) this.#looks.mark(task.id, 'log')
    this.#poll(entry)
  }

  #gone (entry: Entry): void {
    this.#readable(entry)
    this.#logs.forget(entry.id)
    this.#polled.remove(join(this.#directory.path, fileName(entry.id, 'json')))
    this.#polled.remove(this.#logs.path(entry.id))
    this.#catalogue.delete(entry.id)
    if (entry.task !== undefined) this.#subscribers.tell(this.#ring.deleted(entry.id))
  }

  // A file that can't be read

  #readable (entry: Entry): void {
    clearTimeout(entry.retry)
    entry.retries = 0
    entry.unreadable = false
    this.#unreadable.delete(fileName(entry.id, 'json'))
  }

  #unreadableTask (entry: Entry, error: unknown): void {
    const name = fileName(entry.id, 'json')
    const refused = !(error instanceof UnreadableFile)
    const mayChange = refused || error.unfinished
    entry.unreadable = true
    this.#catalogue.keep(entry)
    clearTimeout(entry.retry)
    if (mayChange && entry.retries < MAX_RETRIES) return this.#lookLater(entry, FIRST_RETRY_MS * 2 ** entry.retries++)
    this.#report(name, refused ? errorCode(error) : error.message)
    this.#poll(entry)
    if (refused) this.#lookLater(entry, REFUSED_RETRY_MS)
  }

  #lookLater (entry: Entry, ms: number): void {
    if (!this.#closed) entry.retry = setTimeout(() => this.#looks.mark(entry.id, 'json'), ms).unref()
  }

  /** Once for each file and reason; undefined: it can be read. */
  #report (name: string, reason: string | undefined): void {
    if (this.#unreadable.get(name) === reason) return
    if (reason === undefined) {
      this.#unreadable.delete(name)
      return
    }
    this.#unreadable.set(name, reason)
    this.#log.warn(`fastify-tasks: ${name} can't be read: ${reason}`)
  }

  #poll (entry: Entry): void {
    const unfinished = isActive(entry.task?.status) || this.#unreadable.has(fileName(entry.id, 'json'))
    const json = join(this.#directory.path, fileName(entry.id, 'json'))
    if (unfinished) this.#polled.add(json)
    else this.#polled.remove(json)
    if (unfinished && entry.hasLog) this.#polled.add(this.#logs.path(entry.id))
    else this.#polled.remove(this.#logs.path(entry.id))
  }
}
