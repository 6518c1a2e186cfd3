import { watch, type FSWatcher } from 'chokidar'

/** Milliseconds; `CHOKIDAR_INTERVAL` overrides it. */
const INTERVAL_MS = 1000
/** chokidar never forgets unwatched paths; recreate it after this many. */
const MAX_UNWATCHED = 1000

/**
 * Notices changes of chosen files by polling them, for mounts whose changes the system does not tell (Docker
 * Desktop, NFS, SMB). `CHOKIDAR_USEPOLLING=false` turns it off.
 */
export class FilePoller {
  readonly #dir: string
  readonly #onHint: (path: string) => void
  #enabled = !['false', '0'].includes(process.env.CHOKIDAR_USEPOLLING?.toLowerCase() ?? '')
  readonly #paths = new Set<string>()
  #watcher: FSWatcher | undefined
  #unwatched = 0

  constructor (dir: string, onHint: (path: string) => void) {
    this.#dir = dir
    this.#onHint = onHint
  }

  add (path: string): void {
    if (!this.#enabled || this.#paths.has(path)) return
    this.#paths.add(path)
    this.#watcher ??= this.#start()
    this.#watcher.add(path)
  }

  remove (path: string): void {
    if (!this.#paths.delete(path)) return
    this.#watcher?.unwatch(path)
    if (++this.#unwatched > Math.max(MAX_UNWATCHED, this.#paths.size)) this.#renew()
  }

  async close (): Promise<void> {
    // chokidar opens again at the next `add`
    this.#enabled = false
    this.#paths.clear()
    await this.#watcher?.close()
  }

  #start (): FSWatcher {
    const watcher = watch([], {
      usePolling: true,
      interval: INTERVAL_MS,
      ignoreInitial: true,
      // For a file that is not there (any more) chokidar would read the whole directory, again and again.
      ignored: (path) => path === this.#dir,
      persistent: false,
      followSymlinks: false
    })
    watcher.on('change', this.#onHint)
    watcher.on('unlink', (path) => {
      this.remove(path)
      this.#onHint(path)
    })
    // ignore: real errors surface when the files are read
    watcher.on('error', () => {})
    return watcher
  }

  #renew (): void {
    this.#watcher?.close()
    this.#unwatched = 0
    this.#watcher = this.#start()
    this.#watcher.add([...this.#paths])
  }
}
