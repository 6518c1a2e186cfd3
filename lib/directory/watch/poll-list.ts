import { join } from 'node:path'
import { fileName } from '../../protocol/file-names.ts'
import type { FilePoller } from './file-poller.ts'

/** More files are not polled at a time: the scanner finds their changes, less often. */
const MAX_FILES = 500

/** Which files of a task may change without a file event. */
export interface PolledFiles {
  /** The task is running, or its file cannot be read. */
  readonly isChanging: boolean
  readonly hasLog: boolean
}

/**
 * Chooses the files to poll: those of running and unreadable tasks, once file events have been found to be missing. The
 * files of all other tasks are compared by the scanner, within its budget of time.
 */
export class PollList {
  readonly #dir: string
  readonly #poller: Pick<FilePoller, 'add' | 'remove'>
  /** The names of the files that are to be polled. */
  readonly #wanted = new Set<string>()
  /** Those of them that are polled. */
  readonly #polled = new Set<string>()
  #isEnabled = false

  constructor (dir: string, poller: Pick<FilePoller, 'add' | 'remove'>) {
    this.#dir = dir
    this.#poller = poller
  }

  /** Whether files are polled at all. */
  get isEnabled (): boolean {
    return this.#isEnabled
  }

  /** The number of files that are polled now. */
  get size (): number {
    return this.#polled.size
  }

  /** File events may be missing: starts to poll. */
  enable (): void {
    this.#isEnabled = true
    this.#fill()
  }

  update (id: string, { isChanging, hasLog }: PolledFiles): void {
    this.#set(fileName(id, 'json'), isChanging)
    this.#set(fileName(id, 'log'), isChanging && hasLog)
  }

  remove (id: string): void {
    this.update(id, { isChanging: false, hasLog: false })
  }

  #set (name: string, isWanted: boolean): void {
    if (isWanted) {
      this.#wanted.add(name)
      if (this.#isEnabled && (this.#polled.has(name) || this.#polled.size < MAX_FILES)) this.#poll(name)
      return
    }
    this.#wanted.delete(name)
    if (!this.#polled.delete(name)) return
    this.#poller.remove(join(this.#dir, name))
    // only then others may be waiting
    if (this.#polled.size === MAX_FILES - 1) this.#fill()
  }

  #fill (): void {
    for (const name of this.#wanted) {
      if (this.#polled.size >= MAX_FILES) return
      if (!this.#polled.has(name)) this.#poll(name)
    }
  }

  /** The poller forgets a file that disappears: it is added again. */
  #poll (name: string): void {
    this.#polled.add(name)
    this.#poller.add(join(this.#dir, name))
  }
}
