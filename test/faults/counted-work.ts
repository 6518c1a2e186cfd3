import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../random.ts'
import { enqueue, readLogOf, readTaskOf } from '../processor/fixtures.ts'

/** A task with a known output and exit code, whose command counts its starts. */
export interface Work {
  readonly id: string
  readonly output: string
  readonly exitCode: number
  /** A file with a line for each start. */
  readonly counter: string
}

let count = 0

/**
 * @param dir the tasks directory
 * @param counters another directory, for the counters
 */
export async function enqueueWork (dir: string, counters: string, random: Random, { steps = 8 } = {}): Promise<Work> {
  const n = count++
  const counter = join(counters, String(n))
  const exitCode = random.pick([0, 0, 1, 7, 99])
  const commands = [`echo x >> ${counter}`]
  let output = ''
  for (let step = random.below(steps + 1); step > 0; step--) {
    const size = random.below(8) === 0 ? random.below(200_000) : 0
    commands.push(`{ head -c ${size} /dev/zero | tr '\\0' ${n % 10}; echo ' work ${n}, step ${step}'; }${random.pick(['', ' >&2', ' > /dev/stderr'])}`)
    output += `${String(n % 10).repeat(size)} work ${n}, step ${step}\n`
    if (random() < 0.7) commands.push(`sleep 0.0${random.below(10)}`)
  }
  commands.push(`exit ${exitCode}`)
  return { id: await enqueue(dir, { command: commands.join('; ') }), output, exitCode, counter }
}

export function timesRun ({ counter }: Work): number {
  return existsSync(counter) ? readFileSync(counter, 'utf8').length / 2 : 0
}

/** Describes how a task differs from one that ran once and to its end; undefined if it does not. */
export async function describeProblem (dir: string, work: Work): Promise<string | undefined> {
  const { id, output, exitCode } = work
  const task = await readTaskOf(dir, id)
  if (timesRun(work) !== 1) return `${id} ran ${timesRun(work)} times: ${JSON.stringify(task)}`
  if (task.exitCode !== exitCode || task.status !== (exitCode === 0 ? 'completed' : 'failed')) return `${id} exited with ${exitCode}: ${JSON.stringify(task)}`
  const log = await readLogOf(dir, id)
  return log === output ? undefined : `${id} logged ${log.length} of ${output.length} bytes, or different bytes`
}
