/** Interval between pings, in ms. */
const PING_MS = 15_000
/** Time that streams have to end when the server closes, in ms. */
const END_MS = 1000

export interface StreamSlotsOptions {
  /** Maximum number of streaming clients. */
  readonly maxClients: number
  /** Maximum number of streaming clients with the same address. */
  readonly maxClientsPerAddress: number
}

/** An open response of a streaming client. */
export interface OpenStream {
  ping (): void
  /** Ends gracefully: data already written is still delivered. */
  end (): void
  destroy (): void
}

/** The slot of one streaming client. */
export interface Slot {
  /** Registers the response for pings, and to be closed with the server. If the server is closing, it is closed now. */
  attach (stream: OpenStream): void
  /** Makes the slot available again; further calls have no effect. */
  release (): void
}

/** `open`: clients are admitted. `ending`: streams are ending gracefully. `closed`: streams are destroyed. */
type Phase = 'open' | 'ending' | 'closed'

/** The slots of all streaming clients: limits their number, pings them from one timer, and closes them with the server. */
export class StreamSlots {
  readonly #options: StreamSlotsOptions
  readonly #streams = new Map<Slot, OpenStream | undefined>()
  readonly #countByAddress = new Map<string, number>()
  #phase: Phase = 'open'
  #pingTimer: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined
  #onEmpty: () => void = () => {}

  constructor (options: StreamSlotsOptions) {
    this.#options = options
  }

  /** Number of slots in use. */
  get clients (): number {
    return this.#streams.size
  }

  /** @returns undefined if all slots are in use, or the server is closing */
  acquire (address: string): Slot | undefined {
    const { maxClients, maxClientsPerAddress } = this.#options
    const count = this.#countByAddress.get(address) ?? 0
    if (this.#phase !== 'open' || this.clients >= maxClients || count >= maxClientsPerAddress) return undefined
    this.#countByAddress.set(address, count + 1)
    const slot: Slot = {
      attach: (stream) => this.#attach(slot, stream),
      release: () => this.#release(slot, address)
    }
    this.#streams.set(slot, undefined)
    return slot
  }

  /** Ends all streams, and destroys those that have not ended within a second. */
  close (): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close (): Promise<void> {
    this.#phase = 'ending'
    clearInterval(this.#pingTimer)
    for (const stream of this.#streams.values()) stream?.end()
    await this.#emptyOrLate()
    this.#phase = 'closed'
    for (const stream of this.#streams.values()) stream?.destroy()
  }

  async #emptyOrLate (): Promise<void> {
    if (this.clients === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
      timer = setTimeout(resolve, END_MS)
    })
    clearTimeout(timer)
  }

  #attach (slot: Slot, stream: OpenStream): void {
    if (!this.#streams.has(slot)) return
    this.#streams.set(slot, stream)
    if (this.#phase === 'closed') stream.destroy()
    else if (this.#phase === 'ending') stream.end()
    else this.#pingTimer ??= setInterval(() => this.#ping(), PING_MS).unref()
  }

  #release (slot: Slot, address: string): void {
    if (!this.#streams.delete(slot)) return
    const count = this.#countByAddress.get(address)! - 1
    if (count > 0) this.#countByAddress.set(address, count)
    else this.#countByAddress.delete(address)
    if (this.clients === 0) this.#onEmpty()
  }

  #ping (): void {
    for (const stream of this.#streams.values()) stream?.ping()
  }
}
