import { replaceControlCharacters } from '../../util/control-characters.ts'

/** A task is not run; the message says why, to people who may see the task. */
export class Refusal extends Error {
  readonly code = 'REFUSED'
}

const MAX_REASON_LENGTH = 300

/** A reason as it is written to the task and to the processor's output: one line, not endless, whatever it quotes. */
export function refused (reason: string): { refused: string } {
  return { refused: `Refused: ${printable(reason, MAX_REASON_LENGTH)}` }
}

/** Without control characters (which could forge lines or rule a terminal), and cut to a length. */
export function printable (text: string, length: number): string {
  const cut = text.length > length ? `${text.slice(0, length - 1)}…` : text
  return replaceControlCharacters(cut)
}
