import type { FeedMessage, FeedRequest } from './messages.ts'

interface PageFeedOptions {
  /** Absolute URL of the tasks routes. */
  readonly api: string
  /** URL of the SharedWorker's script. */
  readonly worker: URL
  readonly onMessage: (message: FeedMessage) => void
}

/** The page's end of the feed. The other end is a `FeedHost`, in a SharedWorker if the browser supports it. */
export class PageFeed {
  readonly #options: PageFeedOptions
  #port: MessagePort | undefined
  /** Only reloading the page helps: the worker's script could not be loaded. */
  #isBroken = false
  #isDisconnected = false

  constructor (options: PageFeedOptions) {
    this.#options = options
  }

  async open (): Promise<void> {
    this.#port = await this.#connectToHost()
    this.#port.onmessage = ({ data }: MessageEvent<FeedMessage>) => this.#receive(data)
  }

  /** Adds the listeners that leave, rejoin and reconnect when the browser's state changes. */
  listen (): void {
    addEventListener('pagehide', () => this.#send({ type: 'leave' }))
    // the browser may restore the page from its cache
    addEventListener('pageshow', ({ persisted }) => { if (persisted) this.open() })
    addEventListener('online', () => { if (this.#isDisconnected) this.retry() })
  }

  /** Connects again immediately. */
  retry (): void {
    if (this.#isBroken) location.reload()
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
    if (message.type !== 'snapshot' && message.type !== 'changes') this.#isDisconnected = message.type === 'disconnected'
    this.#options.onMessage(message)
  }

  #send (request: FeedRequest): void {
    this.#port?.postMessage(request)
  }
}
