/** Each client is told this often that its stream lives. */
const PING_MS = 15_000
/** How long streams may take to end when the server closes. */
const END_MS = 1000

export interface StreamSlotsOptions {
  /** Clients at a time. */
  readonly maxClients: number
  /** Of these, from one address. */
  readonly maxClientsPerAddress: number
}

/** What can be done to a response that stays open. */
export interface OpenStream {
  ping (): void
  /** Ends gracefully: data already written is still delivered. */
  end (): void
  destroy (): void
}

/** A client that was let in, or is about to be. */
export interface Slot {
  open (stream: OpenStream): void
  /** The client is gone. */
  leave (): void
}

/** Registry of open streaming responses: enforces limits, sends pings from one timer, and closes them with the server. */
export class StreamSlots {
  readonly #options: StreamSlotsOptions
  readonly #slots = new Map<Slot, OpenStream | undefined>()
  readonly #perAddress = new Map<string, number>()
  #pings: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  /** The graceful-shutdown period is over. */
  #cuts = false
  #emptied: () => void = () => {}

  constructor (options: StreamSlotsOptions) {
    this.#options = options
  }

  get clients (): number {
    return this.#slots.size
  }

  /** Undefined: there are too many clients, or the server closes. */
  enter (address: string): Slot | undefined {
    const { maxClients, maxClientsPerAddress } = this.#options
    const before = this.#perAddress.get(address) ?? 0
    if (this.#closing !== undefined || this.clients >= maxClients || before >= maxClientsPerAddress) return undefined
    this.#perAddress.set(address, before + 1)
    const slot: Slot = {
      open: (stream) => this.#open(slot, stream),
      leave: () => this.#leave(slot, address)
    }
    this.#slots.set(slot, undefined)
    return slot
  }

  /** Ends all streams; those that do not end within a second are cut. */
  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    clearInterval(this.#pings)
    for (const stream of this.#slots.values()) stream?.end()
    if (this.#slots.size === 0) return
    let late: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
      late = setTimeout(resolve, END_MS)
    })
    clearTimeout(late)
    this.#cuts = true
    for (const stream of this.#slots.values()) stream?.destroy()
  }

  #open (slot: Slot, stream: OpenStream): void {
    if (!this.#slots.has(slot)) return
    this.#slots.set(slot, stream)
    if (this.#cuts) stream.destroy()
    else if (this.#closing !== undefined) stream.end()
    else this.#pings ??= setInterval(() => this.#ping(), PING_MS).unref()
  }

  #leave (slot: Slot, address: string): void {
    if (!this.#slots.delete(slot)) return
    const rest = this.#perAddress.get(address)! - 1
    if (rest > 0) this.#perAddress.set(address, rest)
    else this.#perAddress.delete(address)
    if (this.#slots.size === 0) this.#emptied()
  }

  #ping (): void {
    for (const stream of this.#slots.values()) stream?.ping()
  }
}
