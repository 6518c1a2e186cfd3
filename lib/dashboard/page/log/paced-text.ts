/** Number of expensive sequences in one piece, and its length in characters: each may be a line break, which moves all rows. */
const MAX_EXPENSIVE = 16
const MAX_LENGTH = 4096

/** Text for the terminal, in pieces that each take a bounded time: the terminal can pause only between them. */
export class PacedText {
  #pieces: string[] = []
  #piece = ''
  #expensive = 0

  add (text: string): void {
    let rest = text
    while (this.#piece.length + rest.length > MAX_LENGTH) {
      const length = Math.max(0, MAX_LENGTH - this.#piece.length)
      this.#piece += rest.slice(0, length)
      rest = rest.slice(length)
      this.#endPiece()
    }
    this.#piece += rest
  }

  /** Adds a sequence that may change every cell of the screen. */
  addExpensive (sequence: string): void {
    this.add(sequence)
    if (++this.#expensive === MAX_EXPENSIVE) this.#endPiece()
  }

  /** Removes the pieces. */
  take (): string[] {
    if (this.#piece !== '') this.#endPiece()
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  #endPiece (): void {
    this.#pieces.push(this.#piece)
    this.#piece = ''
    this.#expensive = 0
  }
}
