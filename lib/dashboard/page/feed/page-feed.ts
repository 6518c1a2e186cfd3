import type { FeedMessage, FeedRequest, FeedState } from './messages.ts'

interface PageFeedOptions {
  /** Absolute URL of the tasks routes. */
  readonly api: string
  /** URL of the SharedWorker's script. */
  readonly worker: URL
  /** If it throws, the page requests a snapshot. */
  readonly onMessage: (message: Exclude<FeedMessage, { type: 'lost' }>) => void
}

/** The page's end of the feed. The other end is a `FeedHost`, in a SharedWorker if the browser supports it. */
export class PageFeed {
  readonly #options: PageFeedOptions
  #port: MessagePort | undefined
  /** Only reloading the page helps: the worker's script could not be loaded. */
  #isBroken = false
  #state: FeedState = { type: 'connecting' }
  /** A message was lost, and a snapshot was requested. Until it arrives, the list is old and changes mean nothing. */
  #isStale = false

  constructor (options: PageFeedOptions) {
    this.#options = options
  }

  async open (): Promise<void> {
    const port = await this.#connectToHost()
    this.#port = port
    port.onmessage = ({ data }: MessageEvent<FeedMessage>) => this.#receive(data)
    port.onmessageerror = () => this.#recover('The browser could not read a message.')
  }

  /** Adds the listeners that leave, rejoin and reconnect when the browser's state changes. */
  listen (): void {
    addEventListener('pagehide', () => this.#send({ type: 'leave' }))
    // the browser may restore the page from its cache
    addEventListener('pageshow', ({ persisted }) => { if (persisted) this.open() })
    addEventListener('online', () => { if (this.#state.type === 'disconnected') this.retry() })
  }

  /** Connects again immediately. */
  retry (): void {
    if (this.#isBroken) location.reload()
    else if (this.#isStale) this.#send({ type: 'list' })
    else this.#send({ type: 'retry' })
  }

  async #connectToHost (): Promise<MessagePort> {
    const { api, worker: url } = this.#options
    if (typeof SharedWorker === 'function') {
      const worker = new SharedWorker(url, { type: 'module', name: api })
      worker.onerror = () => {
        this.#isBroken = true
        this.#receive({ type: 'rejected', statusCode: undefined, message: 'The feed worker failed to load; the dashboard may have been updated.' })
      }
      return worker.port
    }
    // Chrome on Android has no SharedWorker: each page has its own connection
    const { FeedHost } = await import('./host.ts')
    const { port1, port2 } = new MessageChannel()
    new FeedHost(api).join(port1)
    return port2
  }

  #receive (message: FeedMessage): void {
    if (message.type === 'lost') return this.#recover(message.reason)
    if (this.#isStale && (message.type === 'changes' || message.type === 'connected')) return
    try {
      this.#options.onMessage(message)
      if (message.type === 'snapshot') this.#isStale = false
      else if (message.type !== 'changes') this.#state = message
    } catch (error) {
      this.#recover(error instanceof Error ? error.message : String(error))
    }
  }

  /** Requests a snapshot. If that is lost too, only the user can request another one. */
  #recover (reason: string): void {
    if (this.#isStale) return this.#options.onMessage({ type: 'rejected', statusCode: undefined, message: reason })
    this.#isStale = true
    this.#options.onMessage({ type: 'connecting' })
    this.#send({ type: 'list' })
  }

  #send (request: FeedRequest): void {
    this.#port?.postMessage(request)
  }
}
