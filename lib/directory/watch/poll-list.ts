import { join } from 'node:path'
import { fileName, type FileKind } from '../../protocol/file-names.ts'
import type { FilePoller } from './file-poller.ts'

/** Which files of a task may change without a file event. */
export interface PolledFiles {
  /** The task is unfinished, or its file cannot be read. */
  readonly isUnfinished: boolean
  readonly hasLog: boolean
}

/** Chooses the files to poll: those of unfinished and unreadable tasks, because other files should not change any more. */
export class PollList {
  readonly #dir: string
  readonly #poller: FilePoller

  constructor (dir: string, poller: FilePoller) {
    this.#dir = dir
    this.#poller = poller
  }

  update (id: string, { isUnfinished, hasLog }: PolledFiles): void {
    this.#set(id, 'json', isUnfinished)
    this.#set(id, 'log', isUnfinished && hasLog)
  }

  remove (id: string): void {
    this.update(id, { isUnfinished: false, hasLog: false })
  }

  #set (id: string, kind: FileKind, isPolled: boolean): void {
    const path = join(this.#dir, fileName(id, kind))
    if (isPolled) this.#poller.add(path)
    else this.#poller.remove(path)
  }
}
