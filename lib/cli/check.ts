import { parseArgs } from 'node:util'
import { checkDirectory, type CheckReport } from '../check/check-directory.ts'
import type { Severity } from '../check/finding.ts'
import { errorCode } from '../util/error-code.ts'
import { PROTOCOL_VERSION } from '../protocol/schemas.ts'
import { escapeControlCharacters } from '../util/control-characters.ts'
import { UsageError } from './usage-error.ts'

/**
 * `fastify-tasks check`: says what in a directory breaks the file contract.
 * @returns the exit code: 1 where there are errors
 * @throws UsageError also where the directory can't be read
 */
export async function checkCommand (args: string[]): Promise<number> {
  const { dir, json } = readArguments(args)
  const report = await check(dir)
  process.stdout.write(json ? formatJson(report) : formatText(report))
  return count(report, 'error') === 0 ? 0 : 1
}

async function check (dir: string): Promise<CheckReport> {
  try {
    return await checkDirectory(dir)
  } catch (error) {
    if (errorCode(error) === 'UNKNOWN') throw error
    throw new UsageError(`The directory ${dir} can't be checked: ${(error as Error).message}`)
  }
}

function readArguments (args: string[]): { dir: string, json: boolean } {
  const { values, positionals } = parse(args)
  const [dir, ...others] = positionals
  if (dir === undefined || dir === '') throw new UsageError('The directory is missing: fastify-tasks check DIR')
  if (others.length > 0) throw new UsageError(`One directory only, not also ${others.join(' ')}.`)
  return { dir, json: values.json === true }
}

function parse (args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { json: { type: 'boolean' } } })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

export function formatText (report: CheckReport): string {
  const lines = report.findings.map(({ severity, name, message }) => `${severity}: ${escapeControlCharacters(`${name}: ${message}`)}`)
  const summary = `${report.tasks} tasks, ${count(report, 'error')} errors, ${count(report, 'warning')} warnings (contract version ${PROTOCOL_VERSION})`
  return [...lines, summary, ''].join('\n')
}

export function formatJson (report: CheckReport): string {
  const { tasks, findings } = report
  const value = { version: PROTOCOL_VERSION, tasks, errors: count(report, 'error'), warnings: count(report, 'warning'), findings }
  return `${escapeControlCharacters(JSON.stringify(value))}\n`
}

function count ({ findings }: CheckReport, severity: Severity): number {
  return findings.filter((finding) => finding.severity === severity).length
}
