import type { CheckReport } from '../check/check-directory.ts'
import type { Severity } from '../check/finding.ts'
import { PROTOCOL_VERSION } from '../protocol/schemas.ts'
import { escapeControlCharacters } from '../util/control-characters.ts'

/** One line for each finding, and a summary. */
export function formatText (report: CheckReport): string {
  const lines = report.findings.map(({ severity, name, message }) => `${severity}: ${escapeControlCharacters(`${name}: ${message}`)}`)
  const summary = `${report.tasks} tasks, ${countFindings(report, 'error')} errors, ${countFindings(report, 'warning')} warnings (contract version ${PROTOCOL_VERSION})`
  return [...lines, summary, ''].join('\n')
}

/** One line of JSON: `{ version, tasks, errors, warnings, findings: [{ severity, name, message }] }`. */
export function formatJson (report: CheckReport): string {
  const { tasks, findings } = report
  const value = { version: PROTOCOL_VERSION, tasks, errors: countFindings(report, 'error'), warnings: countFindings(report, 'warning'), findings }
  return `${escapeControlCharacters(JSON.stringify(value))}\n`
}

export function countFindings ({ findings }: CheckReport, severity: Severity): number {
  return findings.filter((finding) => finding.severity === severity).length
}
