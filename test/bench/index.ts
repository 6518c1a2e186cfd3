import { parseArgs } from 'node:util'
import { churn } from './churn.ts'
import { close } from './close.ts'
import { fanOut } from './fan-out.ts'
import { followers } from './followers.ts'
import { heap } from './heap.ts'
import type { Figure } from './lab.ts'
import { latency } from './latency.ts'
import { boot, list } from './list.ts'
import { listClients } from './list-clients.ts'
import { logGet } from './log-get.ts'
import { logGrowth } from './log-growth.ts'
import { page } from './page.ts'
import { processorLatency } from './processor-latency.ts'
import { processorStart } from './processor-start.ts'
import { processorThroughput } from './processor-throughput.ts'
import { scale } from './scale.ts'
import { shapes } from './shapes.ts'
import { stalled } from './stalled.ts'
import { steady } from './steady.ts'
import { keep, table } from './table.ts'
import { stray, waiting } from './waiting.ts'

const parts: Record<string, () => Promise<Figure[]>> = {
  latency,
  scale,
  list,
  boot,
  waiting,
  stray,
  'fan-out': fanOut,
  followers,
  steady,
  stalled: () => stalled(99),
  'log-get': logGet,
  'log-growth': logGrowth,
  close,
  churn,
  shapes,
  heap,
  'list-clients': listClients,
  'processor-throughput': processorThroughput,
  'processor-latency': processorLatency,
  'processor-start': processorStart,
  page
}
/** Parts that take minutes, run only by name or with `--all`. */
const long: Record<string, () => Promise<Figure[]>> = { 'stalled-1000': () => stalled(999) }

const { values, positionals } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean' }, keep: { type: 'boolean' } } })
const every = { ...parts, ...long }
const unknown = positionals.find((name) => !(name in every))
if (unknown !== undefined) throw new Error(`Unknown part "${unknown}"; the parts are ${Object.keys(every).join(', ')}`)
const chosen = positionals.length > 0 ? positionals : Object.keys(values.all ? every : parts)
const figures: Figure[] = []
for (const name of chosen) {
  const started = performance.now()
  process.stderr.write(`${name} … `)
  figures.push(...await every[name]!())
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0)} s\n`)
}
const printed = table(figures)
console.log(printed)
if (values.keep) keep(printed)
process.exit()
