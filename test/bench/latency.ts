import { EventStream } from '../helpers.ts'
import { watchBare } from './bare-watch.ts'
import { Child } from './child.ts'
import { makeTasks, median, now, quantile, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'
import type { Work } from './writer.ts'

const ROUNDS = 3
const COUNT = 150

/** How long a change by another process takes to a client, against the least that could be done in one process. */
export async function latency (): Promise<Figure[]> {
  const [told, bare] = [makeTasks(2000), makeTasks(2000)]
  const server = await Child.start<ServerReady>('./server.ts', { dir: told.dir })
  const writer = await Child.start('./writer.ts')
  const seen = new Arrivals()
  const stream = await new EventStream(`${server.ready.url}/api/tasks/events`, {
    onMessage: ({ event, data }) => {
      if (event === 'task.log') seen.log(data.chunk)
      if (event === 'task.upsert') seen.arrived(data.number)
    }
  }).open()
  await stream.find(({ event }) => event === 'ready')
  const endWatch = watchBare(bare.dir, { onLog: (text) => seen.log(text), onTask: ({ number }) => seen.arrived(number) })
  const samples: Record<string, number[]> = {}
  for (let round = 0; round <= ROUNDS; round++) {
    for (const question of ['append', 'put']) {
      for (const [name, { dir, running: ids }] of Object.entries({ told, bare })) {
        const times = await writer.ask<number[]>(question, { dir, ids, from: seen.begin(COUNT), count: COUNT, everyMs: 15 } satisfies Work)
        const taken = await seen.all(times)
        if (process.env.DEBUG) console.error(question, name, taken.filter((_, i) => i % 15 === 0).map((x) => x.toFixed(1)).join(' '))
        // the first round warms up
        if (round > 0) (samples[`${question} ${name}`] ??= []).push(...taken)
      }
    }
  }
  const { watcher, missedChanges } = await (await fetch(`${server.ready.url}/api/tasks/_meta/health`)).json() as Record<string, unknown>
  stream.close()
  endWatch()
  await Promise.all([server.stop(), writer.stop()])
  // where the system drops notices, the figures are those of polling
  if (watcher !== 'native' || missedChanges !== 0) process.stderr.write(`watcher: ${watcher}, missed changes: ${missedChanges}\n`)
  return [
    line('log append → task.log, 2,000 tasks, p50', samples['append told']!, samples['append bare']!, { part: 0.5, wanted: 2 }),
    line('log append → task.log, 2,000 tasks, p95', samples['append told']!, samples['append bare']!, { part: 0.95 }),
    line('renamed task file → task.upsert, p50', samples['put told']!, samples['put bare']!, { part: 0.5, wanted: 3 }),
    line('renamed task file → task.upsert, p95', samples['put told']!, samples['put bare']!, { part: 0.95 })
  ]
}

function line (name: string, told: readonly number[], bare: readonly number[], { part, wanted }: { part: number, wanted?: number }): Figure {
  const [figure, baseline] = [quantile(told, part), quantile(bare, part)]
  return {
    name,
    figure: `${figure.toFixed(2)} ms; bare fs.watch and read: ${baseline.toFixed(2)} ms`,
    ...(wanted !== undefined && { wanted: `< ${wanted} ms`, ok: median(told) < wanted })
  }
}

/** When each numbered change arrived. */
class Arrivals {
  readonly #times = new Map<number, number>()
  #first = 0
  #next = 0
  #done: (() => void) | undefined

  /** @returns the number of the first of `count` changes to come */
  begin (count: number): number {
    this.#first = this.#next
    this.#next += count
    return this.#first
  }

  log (text: string): void {
    for (const [, number] of text.matchAll(/#(\d+);/g)) this.arrived(Number(number))
  }

  arrived (number: number): void {
    if (!this.#times.has(number)) this.#times.set(number, now())
    if (this.#times.size === this.#next) this.#done?.()
  }

  /** What the changes took, once the last has arrived. */
  async all (began: readonly number[]): Promise<number[]> {
    if (this.#times.size < this.#next) await new Promise<void>((resolve) => { this.#done = resolve })
    return began.map((time, index) => this.#times.get(this.#first + index)! - time)
  }
}
