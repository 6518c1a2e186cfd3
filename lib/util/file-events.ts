import { readFileSync, watch, type FSWatcher } from 'node:fs'
import { errorCode } from './error-code.ts'
import { inTimeSlices } from './time-slices.ts'

/**
 * The file events of one directory: fs.watch(), a single inotify watch for all files. If the watch cannot be created
 * (inotify limit) or fails later, the caller must rely on other sources, such as polling.
 *
 * Node.js reports all events that the system has queued in one turn of the event loop, and does nothing else until the
 * queue is empty. Therefore their names are only collected; they are reported in time slices, each once.
 */
export class FileEvents {
  readonly #onHint: (name: string | null) => void
  readonly #onLost: (code: string) => void
  #watcher: FSWatcher | undefined
  #names = new Set<string | null>()
  /** Number of events in this turn of the event loop. */
  #burst = 0
  #isReporting = false

  /**
   * @param onHint called with the changed name; or with null if the system did not report which, or may have dropped events
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
    const limit = maxQueuedEvents()
    try {
      const watcher = watch(dir, { persistent: false }, (_type, name) => {
        if (this.#watcher === watcher) this.#collect(name, limit)
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
    this.#names.clear()
  }

  #collect (name: string | null, limit: number): void {
    this.#names.add(name)
    // Node.js does not report that the queue has overflowed
    if (++this.#burst >= limit) this.#names.add(null)
    if (this.#burst === 1) setImmediate(() => { this.#burst = 0 })
    if (!this.#isReporting) this.#report()
  }

  async #report (): Promise<void> {
    this.#isReporting = true
    while (this.#names.size > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      const names = this.#names
      this.#names = new Set()
      const watcher = this.#watcher
      await inTimeSlices(names, (name) => { if (this.#watcher === watcher && watcher !== undefined) this.#onHint(name) })
    }
    this.#isReporting = false
  }

  #lose (error: unknown): void {
    this.close()
    this.#onLost(errorCode(error))
  }
}

/** How many events the system queues for this process before it drops further ones. */
function maxQueuedEvents (): number {
  try {
    return Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
  } catch {
    return Infinity
  }
}
