import { watch, type FSWatcher } from 'node:fs'
import { errorCode } from './error-code.ts'

/**
 * fs.watch() on one directory (a single inotify watch for all files). If the watch cannot be created (inotify limit),
 * there are no native hints and the other sources take over.
 */
export class FileEvents {
  readonly #onHint: (name: string | null) => void
  readonly #onLost: (code: string) => void
  #watcher: FSWatcher | undefined

  /**
   * @param onHint called with the changed name, or null if the system does not report which
   * @param onLost no notices come any more
   */
  constructor (onHint: (name: string | null) => void, onLost: (code: string) => void) {
    this.#onHint = onHint
    this.#onLost = onLost
  }

  get attached (): boolean {
    return this.#watcher !== undefined
  }

  /** Watches what stands at that path now; what was watched before no longer is. */
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

  close (): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #lose (error: unknown): void {
    this.close()
    this.#onLost(errorCode(error))
  }
}
