/** Size of the terminal, in characters. */
export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** Finals of sequences whose numbers are names of modes or colours, not counts. */
const NAMED = 'hlm'
/** Finals of sequences whose numbers are numbers of rows, if there are no intermediates. */
const VERTICAL = 'ABEFLMSTde'
/** Finals of sequences that change at most one row. All others may change every cell of the screen. */
const CHEAP = 'ABCDEFGHKadefhlmsu`'

/**
 * A control sequence (CSI) whose numbers are at most the size of the screen, because xterm.js repeats some as often as their
 * number says.
 * @param body the characters between the introducer and the final
 * @returns undefined if the sequence is malformed, or would remove the rows above the view
 */
export function limitSequence (body: string, final: string, { columns, rows }: ScreenSize): string | undefined {
  const [, prefix, numbers, intermediates] = /^([<-?]?)([\d:;]*)([ -/]*)$/.exec(body) ?? []
  if (numbers === undefined || (final === 'J' && /^0*3(?!\d)/.test(numbers))) return undefined
  const limit = VERTICAL.includes(final) && intermediates === '' ? rows : Math.max(columns, rows)
  const limited = NAMED.includes(final) ? numbers : numbers.replace(/\d+/g, (digits) => Number(digits) > limit ? String(limit) : digits)
  return `\x1b[${prefix}${limited}${intermediates}${final}`
}

/** Whether a control sequence may change every cell of the screen. */
export function isExpensive (body: string, final: string): boolean {
  return !CHEAP.includes(final) || /[ -/]$/.test(body)
}
