import type { Pauses } from '../../pauses.ts'
import type { FuzzedServer } from './fuzzed-server.ts'
import { Run, type Step } from './lanes.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly seconds: number
}

export interface FuzzResult {
  /** Number of steps, by lane. */
  readonly counts: Readonly<Record<string, number>>
  /** What is wrong, except pauses. */
  readonly findings: readonly string[]
  /** Of the event loop of each program, by its name. */
  readonly pauses: Readonly<Record<string, Pauses>>
  /** Of each pause of more than 200 ms: what was done in it. */
  readonly causes: readonly string[]
  /** Further figures. */
  readonly details: Readonly<Record<string, unknown>>
}

/** Gives random input to a server, and checks that it survives and answers correctly afterwards. */
export async function fuzzServer (server: FuzzedServer, { seed, seconds }: FuzzOptions, steps: Readonly<Record<string, Step>>): Promise<FuzzResult> {
  await server.report()
  const run = new Run()
  await run.drive({ seed, seconds, steps })
  if (server.exit !== undefined) return { counts: run.counts, findings: [`the server exited with ${server.exit}`, ...run.findings], pauses: {}, causes: [], details: {} }
  const findings = [...run.findings]
  await server.checkAnswers().catch((error: Error) => { findings.push(`afterwards: ${error.stack}`) })
  const { answers, failures, errors, warnings, pauses, ...details } = await server.report()
  findings.push(...failures, ...errors, ...warnings)
  return { counts: run.counts, findings, pauses: { server: pauses }, causes: run.causes(pauses), details: { answers, ...details } }
}
