import { watch, type FSWatcher } from 'node:fs'
import { errorCode } from './error-code.ts'

/**
 * The file events of one directory: fs.watch(), a single inotify watch for all files. If the watch cannot be created
 * (inotify limit) or fails later, the caller must rely on other sources, such as polling.
 */
export class FileEvents {
  readonly #onHint: (name: string | null) => void
  readonly #onLost: (code: string) => void
  #watcher: FSWatcher | undefined

  /**
   * @param onHint called with the changed name, or null if the system does not report which
   * @param onLost called with the code of a system error when no more events will come
   */
  constructor (onHint: (name: string | null) => void, onLost: (code: string) => void) {
    this.#onHint = onHint
    this.#onLost = onLost
  }

  /** Whether a directory is being watched. */
  get attached (): boolean {
    return this.#watcher !== undefined
  }

  /** Watches the directory that is at this path now, instead of the previous one. It does not throw: see `onLost`. */
  attach (dir: string): void {
    this.close()
    try {
      const watcher = watch(dir, { persistent: false }, (_type, name) => {
        if (this.#watcher === watcher) this.#onHint(name)
      })
      watcher.on('error', (error) => {
        if (this.#watcher === watcher) this.#lose(error)
      })
      this.#watcher = watcher
    } catch (error) {
      this.#lose(error)
    }
  }

  /** Stops watching. `onHint` and `onLost` are not called any more. */
  close (): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #lose (error: unknown): void {
    this.close()
    this.#onLost(errorCode(error))
  }
}
