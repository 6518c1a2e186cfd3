/** Number of expensive sequences in one piece. */
const MAX_EXPENSIVE = 16

/** Text for the terminal, in pieces that each take a bounded time: the terminal can pause only between them. */
export class PacedText {
  #pieces: string[] = []
  #piece = ''
  #expensive = 0

  add (text: string): void {
    this.#piece += text
  }

  /** Adds a sequence that may change every cell of the screen. */
  addExpensive (sequence: string): void {
    this.#piece += sequence
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
