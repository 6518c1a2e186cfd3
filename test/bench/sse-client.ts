import { connect, type Socket } from 'node:net'
import type { ExpectedStream } from './expected-stream.ts'
import { now } from './lab.ts'

/** Shared by all sockets: each read is processed before the next socket reads. */
const buffer = Buffer.alloc(256 * 1024)

export interface SseClientContext {
  readonly port: number
  readonly path: string
  readonly opening: 'ready' | 'retry'
  readonly expected: ExpectedStream
  /** Called when events have arrived. @param sizeBefore size of the log before these events */
  readonly onEvents: (client: SseClient, sizeBefore: number) => void
  /** Called with the delay of each event, in ms. */
  readonly onDelay?: (ms: number) => void
}

/** A client that decodes the chunked encoding and compares the stream, with as little CPU time as possible. */
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

  /** Position in the stream: the bytes that have arrived. */
  get offset (): number {
    return this.#offset
  }

  /** The size of the log, according to the events so far. */
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

  /** @returns the index of the first byte of the body */
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

  /** Skips the start of the stream, which differs between clients. */
  #open (piece: Buffer): void {
    this.#opening += piece.toString('latin1')
    const last = this.#opening.indexOf(this.#context.opening)
    const end = last === -1 ? -1 : this.#opening.indexOf('\n\n', last)
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

  /** Reports the events that are complete now. */
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
