import { EventEmitter, once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { WAIT_MS } from './wait-for.ts'

/** One event of a stream, with its data as parsed JSON. */
export interface FeedMessage {
  readonly id: string | undefined
  readonly event: string
  readonly data: any
}

export interface EventStreamOptions {
  readonly headers?: Record<string, string>
  /** The address that the connection comes from. */
  readonly localAddress?: string
  /** Called for each message. */
  readonly onMessage?: (message: FeedMessage) => void
}

/** A client of Server-Sent Events that follows the standard, with a connection of its own. */
export class EventStream {
  readonly messages: FeedMessage[] = []
  /** The `Last-Event-ID` that a browser would send when it reconnects. */
  lastEventId = ''
  pings = 0
  response!: IncomingMessage
  readonly #request: ClientRequest
  readonly #onMessage: (message: FeedMessage) => void
  /** Emits `change` after each read, and when the response closes. */
  readonly #changes = new EventEmitter().setMaxListeners(0)
  #buffer = ''

  constructor (url: string, { headers = {}, localAddress, onMessage = () => {} }: EventStreamOptions = {}) {
    this.#onMessage = onMessage
    this.#request = request(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false, localAddress })
    this.#request.on('error', () => {})
    this.#request.end()
  }

  /** Resolves when the response's headers have arrived. */
  async open (): Promise<this> {
    [this.response] = await once(this.#request, 'response') as [IncomingMessage]
    this.response.setEncoding('utf8')
    this.response.on('data', (text: string) => this.#read(text))
    this.response.on('error', () => {})
    this.response.on('close', () => this.#changes.emit('change'))
    return this
  }

  /** Stops reading, as a slow client does. */
  pause (): void { this.response.pause() }
  resume (): void { this.response.resume() }

  get closed (): boolean { return this.response.destroyed }

  close (): void { this.#request.destroy() }

  /** Resolves with the first message that fits, among those received and those to come. */
  async find (fits: (message: FeedMessage) => boolean, from = 0): Promise<FeedMessage> {
    let index = from
    await this.#wait(() => {
      while (index < this.messages.length && !fits(this.messages[index]!)) index++
      return index < this.messages.length
    }, `a message with ${fits}`)
    return this.messages[index]!
  }

  /** Resolves when the condition holds; it is checked after each read. */
  async until (holds: () => boolean): Promise<void> {
    await this.#wait(holds, String(holds))
  }

  async #wait (holds: () => boolean, wanted: string): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_MS)
    while (!holds()) {
      if (this.closed) throw new Error(`The stream closed before ${wanted}. ${this.#seen()}`)
      if (signal.aborted) throw new Error(`The stream had not seen ${wanted} after ${WAIT_MS} ms. ${this.#seen()}`)
      await once(this.#changes, 'change', { signal }).catch(() => {})
    }
  }

  #seen (): string {
    const last = this.messages.slice(-20).map((message) => `\n  ${JSON.stringify(message).slice(0, 300)}`)
    return `It received ${this.messages.length} messages; the last ${last.length} of them:${last.join('')}`
  }

  #read (text: string): void {
    this.#buffer += text
    const blocks = this.#buffer.split('\n\n')
    this.#buffer = blocks.pop()!
    for (const block of blocks) this.#dispatch(block)
    this.#changes.emit('change')
  }

  #dispatch (block: string): void {
    let [event, data, id]: [string, string[], string | undefined] = ['message', [], undefined]
    for (const line of block.split('\n')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
      if (line === ': ping') this.pings++
      else if (field === 'event') event = value
      else if (field === 'data') data.push(value)
      else if (field === 'id') id = value
    }
    if (id !== undefined) this.lastEventId = id
    if (data.length === 0) return
    const message = { id, event, data: JSON.parse(data.join('\n')) }
    this.messages.push(message)
    this.#onMessage(message)
  }
}

/** Opens the feed of the tasks at `url`. */
export async function openFeed (url: string, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
  return await new EventStream(`${url}/events${query}`, { headers }).open()
}
