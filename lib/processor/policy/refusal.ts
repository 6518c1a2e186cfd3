import { replaceControlCharacters } from '../../util/control-characters.ts'

/** The policy rejects a task; the message is shown to users with access to the task. */
export class Refusal extends Error {
  readonly code = 'REFUSED'
}

const MAX_REASON_LENGTH = 300

/** A plan that rejects a task. The reason is written to the task and to the processor's output: one line of limited length. */
export function refused (reason: string): { refused: string } {
  return { refused: `Refused: ${printable(reason, MAX_REASON_LENGTH)}` }
}

/** Truncates a text and replaces control characters, which could forge lines or control a terminal. */
export function printable (text: string, maxLength: number): string {
  return replaceControlCharacters(text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text)
}
