import { watch, type FSWatcher } from 'chokidar'

/** Milliseconds; `CHOKIDAR_INTERVAL` overrides it. */
const INTERVAL_MS = 1000
/** chokidar remembers each path that was unwatched, for ever: past this many it is made anew. */
const MAX_UNWATCHED = 1000

/**
 * Notices changes of chosen files by polling them, for mounts whose changes the system does not tell (Docker
 * Desktop, NFS, SMB). `CHOKIDAR_USEPOLLING=false` turns it off.
 */
export class PolledHints {
  readonly #onHint: (path: string) => void
  readonly #enabled = !['false', '0'].includes(process.env.CHOKIDAR_USEPOLLING?.toLowerCase() ?? '')
  readonly #paths = new Set<string>()
  #watcher: FSWatcher | undefined
  #unwatched = 0

  constructor (onHint: (path: string) => void) {
    this.#onHint = onHint
  }

  /** Add only what exists: chokidar polls the whole directory for what does not. */
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
    this.#paths.clear()
    await this.#watcher?.close()
  }

  #start (): FSWatcher {
    const watcher = watch([], {
      usePolling: true,
      interval: INTERVAL_MS,
      ignoreInitial: true,
      persistent: false,
      followSymlinks: false
    })
    watcher.on('change', this.#onHint)
    watcher.on('unlink', (path) => {
      this.remove(path)
      this.#onHint(path)
    })
    // it may not see what the looks see: trouble shows there
    watcher.on('error', () => {})
    // When the last file of its only directory goes, chokidar polls that whole directory. A second one prevents that.
    watcher.add(process.execPath)
    return watcher
  }

  #renew (): void {
    this.#watcher?.close()
    this.#unwatched = 0
    this.#watcher = this.#start()
    this.#watcher.add([...this.#paths])
  }
}
