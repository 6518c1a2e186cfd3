import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { isTerminal } from '../../shared/task-status.ts'
import type { Entry } from '../watch/catalogue.ts'
import { fileName } from '../../protocol/file-names.ts'
import { ifExists, UnreadableFile } from '../../protocol/regular-file.ts'
import { errorCode } from '../../util/error-code.ts'
import { LogTail, PIECE_BYTES, type LogChange, type LogLook } from './log-tail.ts'

/** More output than this at the end of a task is told by its size alone. */
const MAX_DRAIN_BYTES = 8 * 1024 * 1024

export interface LogWatcherContext {
  /** Whether anybody wants that log's bytes now. */
  readonly wanted: (taskId: string) => boolean
  readonly tell: (taskId: string, change: LogChange) => void
  /** A log that was there is gone or another one, or one appeared. */
  readonly moved: (entry: Entry) => void
  /** It can't be read for that reason; undefined: it can. */
  readonly report: (name: string, reason: string | undefined) => void
}

/** Tails all logs: reads content if there is a subscriber, otherwise only records that the log has grown. */
export class LogWatcher {
  readonly #dir: string
  readonly #context: LogWatcherContext
  /** Tasks whose log may have grown while nobody wanted to know. */
  readonly #unseen = new Set<string>()

  constructor (dir: string, context: LogWatcherContext) {
    this.#dir = dir
    this.#context = context
  }

  /** Tasks whose log is to be looked at as soon as somebody wants to know. */
  get unseen (): ReadonlySet<string> {
    return this.#unseen
  }

  path (taskId: string): string {
    return join(this.#dir, fileName(taskId, 'log'))
  }

  /**
   * Something happened to a log.
   * @param busy its task is being looked at
   * @returns whether to look at it now
   */
  hinted (taskId: string, entry: Entry | undefined, busy: boolean): boolean {
    // ignore logs without a task; a task created later checks for its own log
    if (entry === undefined && !busy) return false
    const wanted = this.#context.wanted(taskId)
    if (!wanted) this.#unseen.add(taskId)
    // one that appears is looked at in any case: from now on it is polled
    return wanted || entry?.hasLog === false
  }

  /**
   * @param told what the log holds already was told, or need not be
   * @param growing its task has not ended
   */
  async begin (entry: Entry, { told, growing }: { told: boolean, growing: boolean }): Promise<void> {
    const stats = await ifExists(lstat(this.path(entry.id), { bigint: true }))
    entry.hasLog = stats !== undefined
    entry.tail = new LogTail(this.path(entry.id))
    if (stats === undefined) return
    // much old output is told by its size alone
    if (!told) entry.skipNext = stats.size > PIECE_BYTES
    else await this.#startAtEnd(entry.tail, stats, growing)
  }

  /** @returns whether there is more to read */
  async look (entry: Entry): Promise<boolean> {
    if (!entry.hasLog) {
      entry.hasLog = await ifExists(lstat(this.path(entry.id))) !== undefined
      if (entry.hasLog) this.#context.moved(entry)
    }
    if (this.#context.wanted(entry.id)) return await this.#tell(entry, isTerminal(entry.task?.status))
    this.#unseen.add(entry.id)
    return false
  }

  /** Tells what the log holds up to now, for a task that ends. */
  async drain (entry: Entry): Promise<void> {
    const stats = await ifExists(lstat(this.path(entry.id)))
    if (stats === undefined) return
    entry.hasLog = true
    // the end of a task does not wait for much output
    if (stats.size - entry.tail!.cursor > MAX_DRAIN_BYTES) entry.skipNext = true
    while (await this.#tell(entry, true) && entry.tail!.cursor < stats.size) ;
  }

  forget (taskId: string): void {
    this.#unseen.delete(taskId)
    this.#context.report(fileName(taskId, 'log'), undefined)
  }

  async #startAtEnd (tail: LogTail, stats: BigIntStats, growing: boolean): Promise<void> {
    tail.startAtEnd(stats)
    // an ended task's log should not change any more: not worth a read of each at start
    if (growing && stats.size > 0n) await tail.remember().catch(() => {})
  }

  async #tell (entry: Entry, ended: boolean): Promise<boolean> {
    const unseen = this.#unseen.delete(entry.id)
    const skip = unseen || entry.skipNext || !this.#context.wanted(entry.id)
    entry.skipNext = false
    let look: LogLook
    try {
      look = skip ? await entry.tail!.skipToEnd({ ended }) : await entry.tail!.readOn({ ended })
      this.#context.report(fileName(entry.id, 'log'), undefined)
    } catch (error) {
      this.#context.report(fileName(entry.id, 'log'), error instanceof UnreadableFile ? error.message : errorCode(error))
      return false
    }
    if (skip && look.more) entry.skipNext = true
    if (look.changes[0]?.truncated) {
      // perhaps it is gone: the next look finds out, and polls what comes in its place
      entry.hasLog = false
      this.#context.moved(entry)
    }
    for (const change of look.changes) this.#context.tell(entry.id, change)
    return look.more
  }
}
