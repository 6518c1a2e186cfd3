import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import type { Figure } from './lab.ts'

const BEGIN = '<!-- the last run that was kept -->'
const END = '<!-- its end -->'

export function table (figures: readonly Figure[]): string {
  const rows = [['name', 'figure', 'wanted', ''], ...figures.map(({ name, figure, wanted = '', ok }) => [name, figure, wanted, ok === undefined ? '' : ok ? 'ok' : 'short'])]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n')
}

/** Replaces the table in the README of this folder. */
export function keep (printed: string): void {
  const readme = new URL('README.md', import.meta.url)
  const text = readFileSync(readme, 'utf8')
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin === -1 || end < begin) throw new Error('The README does not contain the two comments that mark the table')
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node.js ${process.versions.node}, ${type()} ${release()}, ${new Date().toISOString().slice(0, 10)}`
  writeFileSync(readme, `${text.slice(0, begin)}${BEGIN}\n${machine}\n\n\`\`\`text\n${printed}\n\`\`\`\n${text.slice(end)}`)
}
