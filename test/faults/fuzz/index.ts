// The long run: node --import=tsx test/faults/fuzz/index.ts [ENTRANCE …], with FUZZ_SECONDS for each and FUZZ_SEED.
import { makeDirectory } from '../../bench/lab.ts'
import { ENTRANCES, fuzz, type Entrance } from './entrances.ts'

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 600)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1e9)
const MAX_PAUSE_MS = 200

const chosen = process.argv.slice(2)
const unknown = chosen.find((name) => !(name in ENTRANCES))
if (unknown !== undefined) throw new Error(`Unknown entrance "${unknown}"; the entrances are ${Object.keys(ENTRANCES).join(', ')}`)
let isFine = true
for (const name of chosen.length > 0 ? chosen : Object.keys(ENTRANCES)) {
  console.log(`${name}: FUZZ_SEED=${SEED}, ${SECONDS} s`)
  const { counts, findings, pauses, causes, details } = await fuzz(name as Entrance, makeDirectory(), { seed: SEED, seconds: SECONDS })
  const steps = Object.values(counts).reduce((sum, count) => sum + count, 0)
  console.log(`  ${steps} steps: ${JSON.stringify(counts)}`)
  console.log(`  ${JSON.stringify(details)}`)
  for (const [program, { longestMs }] of Object.entries(pauses)) console.log(`  longest pause of the ${program}: ${longestMs.toFixed(0)} ms`)
  for (const cause of causes) console.log(`  in a pause of ${cause}`)
  for (const finding of findings) console.log(`  FOUND ${finding}`)
  if (findings.length > 0 || Object.values(pauses).some(({ longestMs }) => longestMs > MAX_PAUSE_MS)) isFine = false
}
console.log(isFine ? 'ok' : 'short')
process.exit(isFine ? 0 : 1)
