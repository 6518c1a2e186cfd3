import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileName } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import { CHUNK_BYTES, LogTail, type LogChange, type LogUpdate, type ReadOptions } from './log-tail.ts'

/** If more output than this is unreported when a task finishes, only the size is reported: 8 MiB. */
const MAX_DRAIN_BYTES = 8 * 1024 * 1024

export interface LogWatcherContext {
  /** Whether a subscriber needs the bytes of this log now. */
  readonly isWanted: (taskId: string) => boolean
  readonly emit: (taskId: string, change: LogChange) => void
  /** The log appeared, was deleted or was replaced. */
  readonly onFileChange: (taskId: string) => void
  /** The log cannot be read because of this error: it must be refreshed again. Undefined: it can be read, or need not be. */
  readonly report: (taskId: string, error: unknown) => void
}

interface WatchedLog {
  readonly tail: LogTail
  /** The file exists, as far as is known. */
  exists: boolean
  /** The next read reports only the size. */
  isSizeUpdateDue: boolean
  /** A file event was reported while the log had no subscriber. */
  hasChangedUnread: boolean
}

export interface WatchOptions {
  /** The current content is not reported. */
  readonly isReported: boolean
  /** The task has not finished. */
  readonly mayGrow: boolean
}

/** Watches the logs of all tasks for the feed: it reads them if there is a subscriber, otherwise it only remembers that they have grown. */
export class LogWatcher {
  readonly #dir: string
  readonly #context: LogWatcherContext
  readonly #logs = new Map<string, WatchedLog>()
  /** The logs of other tasks, of which only a scan knows whether they exist. */
  readonly #found = new Map<string, boolean>()
  /** Tasks whose log may have grown while it had no subscriber. */
  readonly #unread = new Set<string>()

  constructor (dir: string, context: LogWatcherContext) {
    this.#dir = dir
    this.#context = context
  }

  /** Tasks whose log must be refreshed once it has a subscriber. */
  get unread (): ReadonlySet<string> {
    return this.#unread
  }

  path (taskId: string): string {
    return join(this.#dir, fileName(taskId, 'log'))
  }

  /** Whether the log of this task existed when it was read last. */
  exists (taskId: string): boolean {
    return this.#doesExist(taskId) === true
  }

  /** Whether this task is known, but its log did not exist when it was read last. */
  isMissing (taskId: string): boolean {
    return this.#doesExist(taskId) === false
  }

  /**
   * Handles a hint that a log has changed.
   * @param isRefreshing the task is being refreshed, and may be about to become known
   * @returns whether to refresh the log now
   */
  handleHint (taskId: string, { isRefreshing }: { isRefreshing: boolean }): boolean {
    // ignore logs without a task; a task created later checks for its own log
    if (this.#doesExist(taskId) === undefined && !isRefreshing) return false
    const isWanted = this.#context.isWanted(taskId)
    if (!isWanted) this.#addChange(taskId)
    // a log that appears must be polled from now on
    return isWanted || this.isMissing(taskId)
  }

  #addChange (taskId: string): void {
    this.#unread.add(taskId)
    const log = this.#get(taskId)
    if (log !== undefined) log.hasChangedUnread = true
  }

  /** Starts to watch the log of a new task. */
  async watch (taskId: string, { isReported, mayGrow }: WatchOptions): Promise<void> {
    const stats = await ifExists(lstat(this.path(taskId), { bigint: true }))
    const log = this.#add(taskId, { exists: stats !== undefined })
    if (stats === undefined) return
    if (isReported) await startAtEnd(log.tail, stats, mayGrow)
    // of much old output only the size is reported
    else log.isSizeUpdateDue = stats.size > CHUNK_BYTES
  }

  /** Starts to watch the log of a task that was found by a scan. Its current content, if it exists, is not reported. */
  watchFound (taskId: string, { exists }: Pick<WatchedLog, 'exists'>): void {
    this.#found.set(taskId, exists)
  }

  /** The size of the log, and whether some of it is unreported. A log that cannot be examined counts as empty. */
  async measure (taskId: string): Promise<{ size: number, hasNews: boolean }> {
    const size = (await lstat(this.path(taskId)).catch(() => undefined))?.size ?? 0
    return { size, hasNews: size > (this.#get(taskId)?.tail.cursor ?? 0) }
  }

  /** @returns whether there is more to read */
  async refresh (taskId: string, options: ReadOptions): Promise<boolean> {
    const log = this.#get(taskId)
    if (log === undefined) return false
    if (!log.exists) {
      try {
        log.exists = await ifExists(lstat(this.path(taskId))) !== undefined
      } catch (error) {
        this.#context.report(taskId, error)
        return false
      }
      if (log.exists) this.#context.onFileChange(taskId)
    }
    if (this.#context.isWanted(taskId)) return await this.#read(taskId, log, options)
    this.#unread.add(taskId)
    this.#context.report(taskId, undefined)
    return false
  }

  /** Reports the output of a task that finishes, before the final status is reported. */
  async drain (taskId: string): Promise<void> {
    const log = this.#get(taskId)
    const stats = await ifExists(lstat(this.path(taskId)))
    if (log === undefined || stats === undefined) return
    log.exists = true
    // much output does not delay the final status
    if (stats.size - log.tail.cursor > MAX_DRAIN_BYTES) log.isSizeUpdateDue = true
    while (await this.#read(taskId, log, { isFinished: true }) && log.tail.cursor < stats.size) ;
  }

  /** The task was deleted. */
  forget (taskId: string): void {
    this.#logs.delete(taskId)
    this.#found.delete(taskId)
    this.#unread.delete(taskId)
    this.#context.report(taskId, undefined)
  }

  #doesExist (taskId: string): boolean | undefined {
    return this.#logs.get(taskId)?.exists ?? this.#found.get(taskId)
  }

  #get (taskId: string): WatchedLog | undefined {
    const exists = this.#found.get(taskId)
    if (exists === undefined) return this.#logs.get(taskId)
    this.#found.delete(taskId)
    const log = this.#add(taskId, { exists })
    if (exists) log.tail.startAtUnknownEnd()
    return log
  }

  #add (taskId: string, { exists }: Pick<WatchedLog, 'exists'>): WatchedLog {
    const log = { tail: new LogTail(this.path(taskId)), exists, isSizeUpdateDue: false, hasChangedUnread: false }
    this.#logs.set(taskId, log)
    return log
  }

  async #read (taskId: string, log: WatchedLog, options: ReadOptions): Promise<boolean> {
    const isUnread = this.#unread.delete(taskId)
    const isSkipping = isUnread || log.isSizeUpdateDue || !this.#context.isWanted(taskId)
    const { hasChangedUnread } = log
    log.isSizeUpdateDue = false
    log.hasChangedUnread = false
    let update: LogUpdate
    try {
      update = isSkipping ? await log.tail.skipToEnd(options) : await log.tail.readChunk(options)
      this.#context.report(taskId, undefined)
    } catch (error) {
      log.isSizeUpdateDue = isSkipping
      log.hasChangedUnread = hasChangedUnread
      this.#context.report(taskId, error)
      return false
    }
    const { hasMore } = update
    // a client may have read the log by itself while it changed unread: the size makes it compare its copy
    const change = update.change ?? (hasChangedUnread ? { offset: log.tail.cursor, end: log.tail.cursor, chunk: '' } : undefined)
    if (isSkipping && hasMore) log.isSizeUpdateDue = true
    if (change?.truncated === true) {
      // it may be deleted or replaced: the next refresh finds the new file and polls it
      log.exists = false
      this.#context.onFileChange(taskId)
    }
    if (change !== undefined) this.#context.emit(taskId, change)
    return hasMore
  }
}

async function startAtEnd (tail: LogTail, stats: BigIntStats, mayGrow: boolean): Promise<void> {
  tail.startAtEnd(stats)
  // the log of a finished task should not change any more: not worth a read of every log at startup
  if (mayGrow && stats.size > 0n) await tail.learnFingerprint().catch(() => {})
}
