import { connect, type Socket } from 'node:net'
import type { ExpectedStream } from './expected-stream.ts'
import { now } from './lab.ts'

/** Shared by all sockets: what was read is worked in before the next one reads. */
const buffer = Buffer.alloc(256 * 1024)

export interface SseClientContext {
  readonly port: number
  readonly path: string
  readonly expected: ExpectedStream
  /** It was told events; `delays` are what each of them took, in ms. */
  readonly onEvents: (client: SseClient, sizeBefore: number) => void
  readonly onDelay?: (ms: number) => void
}

/** One client: takes the chunks of HTTP/1.1 apart and compares the stream, as cheaply as it can be done. */
export class SseClient {
  readonly #context: SseClientContext
  readonly #socket: Socket
  readonly attached: Promise<void>
  readonly closed: Promise<void>
  #attach: () => void = () => {}
  #isAttached = false
  #opening = ''
  #chunkHead = ''
  #chunkLeft = 0
  #inBody = false
  #offset = 0
  #events = 0

  constructor (context: SseClientContext) {
    this.#context = context
    this.attached = new Promise((resolve) => { this.#attach = resolve })
    const { port, path } = context
    this.#socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback: (length) => this.#read(length) } })
    this.#socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve()))
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n`)
  }

  /** Up to where it has the stream. */
  get offset (): number {
    return this.#offset
  }

  /** The log's size, as far as it was told. */
  get size (): number {
    return this.#context.expected.sizes[this.#events - 1] ?? 0
  }

  pause (): void { this.#socket.pause() }
  resume (): void { this.#socket.resume() }
  destroy (): void { this.#socket.destroy() }

  #read (length: number): boolean {
    let at = this.#inBody ? 0 : this.#skipHead(length)
    while (at < length) {
      if (this.#chunkLeft === 0) {
        at = this.#readChunkHead(at, length)
        continue
      }
      const piece = buffer.subarray(at, Math.min(length, at + this.#chunkLeft))
      this.#chunkLeft -= piece.length
      at += piece.length
      if (this.#isAttached) this.#take(piece)
      else this.#open(piece)
    }
    this.#count()
    return true
  }

  /** @returns where the body begins */
  #skipHead (length: number): number {
    this.#opening += buffer.toString('latin1', 0, length)
    const end = this.#opening.indexOf('\r\n\r\n')
    if (end === -1) return length
    const inBody = this.#opening.length - (end + 4)
    this.#opening = ''
    this.#inBody = true
    return length - inBody
  }

  #readChunkHead (from: number, length: number): number {
    let at = from
    while (at < length) {
      const byte = buffer[at++]!
      if (byte !== 0x0a) {
        if (byte !== 0x0d) this.#chunkHead += String.fromCharCode(byte)
      } else if (this.#chunkHead !== '') {
        this.#chunkLeft = Number.parseInt(this.#chunkHead, 16)
        this.#chunkHead = ''
        break
      }
    }
    return at
  }

  /** Each client's opening, up to its `ready`, is its own. */
  #open (piece: Buffer): void {
    this.#opening += piece.toString('latin1')
    const ready = this.#opening.indexOf('ready')
    const end = ready === -1 ? -1 : this.#opening.indexOf('\n\n', ready)
    if (end === -1) return
    const rest = this.#opening.length - (end + 2)
    this.#opening = ''
    this.#isAttached = true
    this.#attach()
    if (rest > 0) this.#take(piece.subarray(piece.length - rest))
  }

  #take (piece: Buffer): void {
    this.#context.expected.check(this.#offset, piece)
    this.#offset += piece.length
  }

  /** Which events are complete with what was read. */
  #count (): void {
    const { expected: { ends, times }, onEvents, onDelay } = this.#context
    const before = this.#events
    while (this.#events < ends.length && ends[this.#events]! <= this.#offset) this.#events++
    if (this.#events === before) return
    onEvents(this, this.#context.expected.sizes[before - 1] ?? 0)
    if (onDelay === undefined) return
    const time = now()
    for (let index = before; index < this.#events; index++) onDelay(time - times[index]!)
  }
}
