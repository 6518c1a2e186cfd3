import type { Sink } from './sink.ts'

/** Writes to a sink no faster than the client reads. */
export class PacedWriter {
  readonly #sink: Sink
  #isFull = false
  #onCapacity: () => void = () => {}

  constructor (sink: Sink) {
    this.#sink = sink
    sink.on('drain', () => this.#onCapacity())
    sink.on('close', () => this.#onCapacity())
  }

  /** Whether a write is waiting for the client to read. */
  get isFull (): boolean {
    return this.#isFull
  }

  /** Resolves when the sink can take more, or is closed. */
  async write (bytes: Buffer): Promise<void> {
    this.#isFull = !this.#sink.write(bytes)
    if (this.#isFull) await new Promise<void>((resolve) => { this.#onCapacity = resolve })
    this.#isFull = false
  }
}
