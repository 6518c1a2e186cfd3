import { limitMarks } from './combining-marks.ts'
import { PacedText } from './paced-text.ts'
import { isExpensive, limitSequence, type ScreenSize } from './sequence.ts'

/** Limits of what the terminal receives, in characters. Longer sequences and commands are left out. */
const MAX_SEQUENCE_LENGTH = 256
const MAX_COMMAND_LENGTH = 4096
/** The commands (OSC) that a log may send: hyperlinks and progress. The others would change the page's colours and titles. */
const ALLOWED_COMMAND = /^[89];/
const ESC = '\x1b'
const BEL = '\x07'
/** Sequences ignore it. */
const DELETE = '\x7f'

/** ESC, and the other characters that cancel a sequence or begin one. */
const CONTROLS = '\x18\x1a\x1b\x80-\x9f'
const CONTROL = new RegExp(`[${CONTROLS}]`)
const TEXT_END = new RegExp(`[${CONTROLS}]`, 'g')
/** A line feed also ends a command or string, so that an unfinished one does not hide the rest of the log. */
const COMMAND_END = new RegExp(`[${CONTROLS}\n${BEL}]`, 'g')
const STRING_END = new RegExp(`[${CONTROLS}\n]`, 'g')

/** `string`: of a kind without meaning here (DCS, SOS, PM, APC). */
type State = 'text' | 'escape' | 'sequence' | 'command' | 'string'

/** The states that a character after ESC begins. */
const INTRODUCERS: Partial<Record<string, State>> = { '[': 'sequence', ']': 'command', P: 'string', X: 'string', '^': 'string', _: 'string' }

/**
 * Turns the bytes of a log into text for the terminal, and limits what the log can make the terminal do: the numbers in
 * control sequences, the length of sequences, and the combining characters of a cell. Text is not changed. A sequence may be
 * split across chunks.
 * @see https://vt100.net/emu/dec_ansi_parser
 */
export class SequenceFilter {
  readonly #size: () => ScreenSize
  readonly #output = new PacedText()
  #decoder = createDecoder()
  #state: State = 'text'
  /** The characters of the unfinished sequence after its introducer, one more than the limit at most. */
  #held = ''
  #marks = 0

  /** @param size is called for each control sequence */
  constructor (size: () => ScreenSize) {
    this.#size = size
  }

  /** Forgets an unfinished character or sequence. */
  reset (): void {
    this.#decoder = createDecoder()
    this.#enter('text')
    this.#marks = 0
  }

  /** The text of the bytes, in pieces, except for a character or sequence that is still unfinished. */
  push (bytes: Uint8Array): string[] {
    const text = this.#decoder.decode(bytes, { stream: true })
    for (let index = 0; index < text.length;) index = this.#read(text, index)
    return this.#output.take()
  }

  /** @returns the index of the next character to read */
  #read (text: string, index: number): number {
    switch (this.#state) {
      case 'text': return this.#readUntil(TEXT_END, text, index, (run) => this.#addText(run))
      case 'command': return this.#readUntil(COMMAND_END, text, index, (run) => this.#hold(run, MAX_COMMAND_LENGTH))
      case 'string': return this.#readUntil(STRING_END, text, index, () => {})
    }
    const character = String.fromCodePoint(text.codePointAt(index)!)
    this.#readInSequence(character)
    return index + character.length
  }

  #readUntil (pattern: RegExp, text: string, index: number, add: (run: string) => void): number {
    pattern.lastIndex = index
    const end = pattern.exec(text)?.index ?? text.length
    if (end > index) add(text.slice(index, end))
    if (end < text.length) this.#readControl(text[end]!)
    return end + 1
  }

  /** Reads a character that ends everything before it. */
  #readControl (character: string): void {
    const isTerminator = character === BEL || character === ESC || character >= '\x80'
    if (this.#state === 'command' && isTerminator) this.#finishCommand()
    this.#enter(isTerminator && character !== BEL ? 'escape' : 'text')
    if (character === '\n') this.#output.add(character)
    // a C1 control character is the same as ESC and a letter
    else if (character >= '\x80') this.#readInSequence(String.fromCharCode(character.charCodeAt(0) - 0x40))
  }

  /** Reads a character of an escape sequence or control sequence. */
  #readInSequence (character: string): void {
    if (CONTROL.test(character)) this.#readControl(character)
    // the terminal executes other control characters immediately
    else if (character < ' ') this.#output.add(character)
    else if (character > DELETE) this.#abandon(character)
    else if (character < '0' || (this.#state === 'sequence' && character < '@')) this.#hold(character, MAX_SEQUENCE_LENGTH)
    else if (character < DELETE) this.#finish(character)
  }

  /** No sequence contains the character, so that it is text. */
  #abandon (character: string): void {
    this.#enter('text')
    this.#addText(character)
  }

  #finish (final: string): void {
    if (this.#state === 'escape') this.#finishEscape(final)
    else this.#finishSequence(final)
  }

  #finishEscape (final: string): void {
    const intermediates = this.#held
    this.#enter(intermediates === '' ? INTRODUCERS[final] ?? 'text' : 'text')
    if (this.#state !== 'text' || intermediates.length > MAX_SEQUENCE_LENGTH) return
    // a full reset would remove the rows above the view
    const sequence = intermediates === '' && final === 'c' ? '\x1b[!p' : `\x1b${intermediates}${final}`
    if (intermediates.startsWith('#')) this.#output.addExpensive(sequence)
    else this.#output.add(sequence)
  }

  #finishSequence (final: string): void {
    const body = this.#held
    this.#enter('text')
    const sequence = body.length > MAX_SEQUENCE_LENGTH ? undefined : limitSequence(body, final, this.#size())
    if (sequence === undefined) return
    if (isExpensive(body, final)) this.#output.addExpensive(sequence)
    else this.#output.add(sequence)
  }

  #finishCommand (): void {
    const command = this.#held
    if (command.length <= MAX_COMMAND_LENGTH && ALLOWED_COMMAND.test(command)) this.#output.add(`\x1b]${command}\x07`)
  }

  #enter (state: State): void {
    this.#state = state
    this.#held = ''
  }

  #hold (characters: string, limit: number): void {
    this.#held = (this.#held + characters).slice(0, limit + 1)
  }

  #addText (run: string): void {
    const { text, count } = limitMarks(run, this.#marks)
    this.#marks = count
    this.#output.add(text)
  }
}

function createDecoder (): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
