import { timeOf, type Piece } from './source.ts'

/**
 * What the clients of one server must all receive, byte for byte: the first to reach a byte has it parsed and checked,
 * the others are compared with that. So a thousand clients cost little more than one.
 */
export class ExpectedStream {
  /** Of each event: where it ends in the stream, the log's size after it, and when it happened. */
  readonly ends: number[] = []
  readonly sizes: number[] = []
  readonly times: number[] = []
  /** Sizes that were told without their bytes. */
  readonly heads: number[] = []
  #bytes = Buffer.alloc(1024 * 1024)
  /** Where `#bytes` begins and ends in the stream. */
  #base = 0
  #end = 0
  #text = ''

  /** @throws where a client received something else than it should have */
  check (offset: number, bytes: Buffer): void {
    const known = Math.min(bytes.length, this.#end - offset)
    const at = offset - this.#base
    if (at < 0 || known < 0 || bytes.compare(this.#bytes, at, at + known, 0, known) !== 0) throw new Error(`a client received other bytes than the first one, at ${offset}`)
    if (known < bytes.length) this.#extend(known === 0 ? bytes : bytes.subarray(known))
  }

  /** All clients have it up to there. */
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
    const piece = JSON.parse(data) as Piece
    const size = this.sizes.at(-1) ?? 0
    const isHead = piece.chunk === '' && piece.offset === piece.end
    const time = isHead ? 0 : timeOf(piece)
    if (time === undefined || (isHead ? piece.end < size : piece.offset !== size)) throw new Error(`at ${size}, a client received ${data.slice(0, 200)}`)
    if (isHead) this.heads.push(piece.end)
    this.ends.push(end)
    this.sizes.push(piece.end)
    this.times.push(time)
  }
}
