import { watch, type FSWatcher } from 'chokidar'

/** In ms; `CHOKIDAR_INTERVAL` overrides it. */
const INTERVAL_MS = 1000
/** chokidar never forgets unwatched paths; recreate it after this many. */
const MAX_UNWATCHED = 1000

/** What `CHOKIDAR_USEPOLLING` asks for; undefined: polling where it is needed. */
export function usePolling (): boolean | undefined {
  const value = process.env.CHOKIDAR_USEPOLLING?.toLowerCase() ?? ''
  return value === '' ? undefined : !['false', '0'].includes(value)
}

/**
 * Detects changes of selected files by polling, for mounts without file events (Docker Desktop, NFS, SMB).
 * `CHOKIDAR_USEPOLLING=false` disables it.
 */
export class FilePoller {
  readonly #dir: string
  readonly #onHint: (path: string) => void
  readonly #paths = new Set<string>()
  #isEnabled = usePolling() !== false
  #watcher: FSWatcher | undefined
  #unwatchedCount = 0

  /** @param onHint called with the path of a file that may have changed */
  constructor (dir: string, onHint: (path: string) => void) {
    this.#dir = dir
    this.#onHint = onHint
  }

  /** @param path of a file that exists: for others chokidar would poll the whole directory */
  add (path: string): void {
    if (!this.#isEnabled || this.#paths.has(path)) return
    this.#paths.add(path)
    this.#watcher ??= this.#start()
    this.#watcher.add(path)
  }

  remove (path: string): void {
    if (!this.#paths.delete(path)) return
    this.#watcher?.unwatch(path)
    if (++this.#unwatchedCount > Math.max(MAX_UNWATCHED, this.#paths.size)) this.#recreate()
  }

  async close (): Promise<void> {
    // a closed chokidar would open again at the next `add`
    this.#isEnabled = false
    this.#paths.clear()
    await this.#watcher?.close()
  }

  #start (): FSWatcher {
    const watcher = watch([], {
      usePolling: true,
      interval: INTERVAL_MS,
      ignoreInitial: true,
      // for a file that no longer exists chokidar would read the whole directory, again and again
      ignored: (path) => path === this.#dir,
      persistent: false,
      followSymlinks: false
    })
    watcher.on('change', this.#onHint)
    watcher.on('unlink', (path) => {
      this.remove(path)
      this.#onHint(path)
    })
    // ignored: real errors surface when the files are read
    watcher.on('error', () => {})
    return watcher
  }

  #recreate (): void {
    this.#watcher?.close()
    this.#unwatchedCount = 0
    this.#watcher = this.#start()
    this.#watcher.add([...this.#paths])
  }
}
