import { TASK_ID, timeOf, type Piece } from './source.ts'

/**
 * The stream that all clients of one server must receive, byte for byte. The bytes of the client that is furthest ahead are
 * parsed and checked; those of the other clients are compared with them, which costs little.
 */
export class ExpectedStream {
  /** For each event: its end in the stream, the size of the log after it, and the time at which it was due. */
  readonly ends: number[] = []
  readonly sizes: number[] = []
  readonly times: number[] = []
  /** Sizes from size updates: events without bytes. */
  readonly sizeUpdates: number[] = []
  #bytes = Buffer.alloc(1024 * 1024)
  /** Start and end of `#bytes` in the stream. */
  #base = 0
  #end = 0
  #text = ''

  /** @throws Error if the bytes differ from those of another client, or an event is missing, repeated or altered */
  check (offset: number, bytes: Buffer): void {
    const known = Math.min(bytes.length, this.#end - offset)
    const at = offset - this.#base
    if (at < 0 || known < 0 || bytes.compare(this.#bytes, at, at + known, 0, known) !== 0) throw new Error(`A client received different bytes than the first client at offset ${offset}`)
    if (known < bytes.length) this.#extend(known === 0 ? bytes : bytes.subarray(known))
  }

  /** Drops the bytes before an offset that all clients have passed. */
  forget (offset: number): void {
    this.#bytes.copyWithin(0, offset - this.#base, this.#end - this.#base)
    this.#base = offset
  }

  #extend (bytes: Buffer): void {
    const at = this.#end - this.#base
    if (at + bytes.length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length + bytes.length)])
    bytes.copy(this.#bytes, at)
    this.#end += bytes.length
    const frames = (this.#text + bytes.toString('latin1')).split('\n\n')
    this.#text = frames.pop()!
    let end = this.#end - this.#text.length - frames.reduce((length, frame) => length + frame.length + 2, 0)
    for (const frame of frames) this.#parse(frame, end += frame.length + 2)
  }

  #parse (frame: string, end: number): void {
    const [, data] = /^data: ?(.*)$/m.exec(frame) ?? []
    if (data === undefined) return
    // a stream of one log has no id
    const piece = { id: TASK_ID, ...JSON.parse(data) } as Piece
    const size = this.sizes.at(-1) ?? 0
    const isSizeUpdate = piece.chunk === '' && piece.offset === piece.end
    const time = isSizeUpdate ? 0 : timeOf(piece)
    if (time === undefined || (isSizeUpdate ? piece.end < size : piece.offset !== size)) throw new Error(`After ${size} bytes of the log, a client received ${data.slice(0, 200)}`)
    if (isSizeUpdate) this.sizeUpdates.push(piece.end)
    this.ends.push(end)
    this.sizes.push(piece.end)
    this.times.push(time)
  }
}
