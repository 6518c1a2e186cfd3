import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryName } from '../../protocol/file-names.ts'

/** Time in which the file event must arrive, in ms. */
const TIMEOUT_MS = 2000

/** Finds out whether the system reports the file events of a directory, by a temporary file that it creates and removes. */
export class EventProbe {
  readonly #path: string
  readonly #name = temporaryName()
  readonly #onMissing: () => void
  #timer: NodeJS.Timeout | undefined
  #isSeen = false

  /** @param onMissing called if no event reports the file */
  constructor (dir: string, onMissing: () => void) {
    this.#path = join(dir, this.#name)
    this.#onMissing = onMissing
  }

  /** Call it when file events are attached. It does not reject: without the file, nothing is found out. */
  async start (): Promise<void> {
    try {
      const handle = await open(this.#path, 'wx', 0o600)
      await handle.close()
      await unlink(this.#path)
    } catch {
      return
    }
    if (!this.#isSeen) this.#timer = setTimeout(() => this.#onMissing(), TIMEOUT_MS).unref()
  }

  /** Call it with each name that a file event reports. */
  see (name: string): void {
    if (name !== this.#name) return
    this.#isSeen = true
    this.close()
  }

  close (): void {
    clearTimeout(this.#timer)
  }
}
