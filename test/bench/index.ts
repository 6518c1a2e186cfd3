import { fanOut } from './fan-out.ts'
import type { Figure } from './lab.ts'
import { latency } from './latency.ts'
import { boot, list } from './list.ts'
import { scale } from './scale.ts'

const parts: Record<string, () => Promise<Figure[]>> = {
  latency, scale, list, boot, one: () => fanOut(1, 7), many: () => fanOut(200, 2)
}
const chosen = process.argv.slice(2)
const figures: Figure[] = []
for (const [name, measure] of Object.entries(parts)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  process.stderr.write(`${name} …\n`)
  figures.push(...await measure())
}
const rows = [['name', 'figure', 'wanted', ''], ...figures.map(({ name, figure, wanted = '', ok }) => [name, figure, wanted, ok === undefined ? '' : ok ? 'ok' : 'short'])]
const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
process.exit()
