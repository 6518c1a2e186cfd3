/** Each client is told this often that its stream lives. */
const PING_MS = 15_000
/** How long streams may take to end when the server closes. */
const END_MS = 1000

export interface StreamsOptions {
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
export interface Place {
  open (stream: OpenStream): void
  /** The client is gone. */
  leave (): void
}

/** Registry of open streaming responses: enforces limits, sends pings from one timer, and closes them with the server. */
export class Streams {
  readonly #options: StreamsOptions
  readonly #places = new Map<Place, OpenStream | undefined>()
  readonly #perAddress = new Map<string, number>()
  #pings: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  /** The graceful-shutdown period is over. */
  #cuts = false
  #emptied: () => void = () => {}

  constructor (options: StreamsOptions) {
    this.#options = options
  }

  get clients (): number {
    return this.#places.size
  }

  /** Undefined: there are too many clients, or the server closes. */
  enter (address: string): Place | undefined {
    const { maxClients, maxClientsPerAddress } = this.#options
    const before = this.#perAddress.get(address) ?? 0
    if (this.#closing !== undefined || this.clients >= maxClients || before >= maxClientsPerAddress) return undefined
    this.#perAddress.set(address, before + 1)
    const place: Place = {
      open: (stream) => this.#open(place, stream),
      leave: () => this.#leave(place, address)
    }
    this.#places.set(place, undefined)
    return place
  }

  /** Ends all streams; those that do not end within a second are cut. */
  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    clearInterval(this.#pings)
    for (const stream of this.#places.values()) stream?.end()
    if (this.#places.size === 0) return
    let late: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#emptied = resolve
      late = setTimeout(resolve, END_MS)
    })
    clearTimeout(late)
    this.#cuts = true
    for (const stream of this.#places.values()) stream?.destroy()
  }

  #open (place: Place, stream: OpenStream): void {
    if (!this.#places.has(place)) return
    this.#places.set(place, stream)
    if (this.#cuts) stream.destroy()
    else if (this.#closing !== undefined) stream.end()
    else this.#pings ??= setInterval(() => this.#ping(), PING_MS).unref()
  }

  #leave (place: Place, address: string): void {
    if (!this.#places.delete(place)) return
    const rest = this.#perAddress.get(address)! - 1
    if (rest > 0) this.#perAddress.set(address, rest)
    else this.#perAddress.delete(address)
    if (this.#places.size === 0) this.#emptied()
  }

  #ping (): void {
    for (const stream of this.#places.values()) stream?.ping()
  }
}
