import { setTimeout as sleep } from 'node:timers/promises'

export interface PollingLoopOptions {
  readonly intervalMs: number
  readonly onError: (error: unknown) => void
}

/** Polls periodically, one poll at a time. */
export class PollingLoop {
  readonly #poll: () => Promise<void>
  readonly #options: PollingLoopOptions
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined

  constructor (poll: () => Promise<void>, options: PollingLoopOptions) {
    this.#poll = poll
    this.#options = options
  }

  start (): void {
    this.#loop ??= this.#run()
  }

  /** Resolves when the current poll is done. */
  async stop (): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run (): Promise<void> {
    const { intervalMs, onError } = this.#options
    const { signal } = this.#stop
    while (await sleep(intervalMs, true, { signal }).catch(() => false)) await this.#poll().catch(onError)
  }
}
