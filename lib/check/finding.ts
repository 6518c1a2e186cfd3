/**
 * `error`: it breaks the file contract. `warning`: the contract allows it, but it may need attention. `note`: not part of
 * the contract.
 */
export type Severity = 'error' | 'warning' | 'note'

/** Something to report about a file. The message continues a sentence that starts with the file's name. */
export interface Finding {
  readonly severity: Severity
  readonly message: string
}

/** A finding with the name of its file. */
export interface FileFinding extends Finding {
  readonly name: string
}

export const error = (message: string): Finding => ({ severity: 'error', message })
export const warning = (message: string): Finding => ({ severity: 'warning', message })
export const note = (message: string): Finding => ({ severity: 'note', message })

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note']

/** Sorts errors first, then warnings, then notes; each by name. */
export function bySeverity (a: FileFinding, b: FileFinding): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}
