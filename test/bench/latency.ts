import { EventStream } from '../helpers.ts'
import { watchBare } from './bare-watch.ts'
import { Child } from './child.ts'
import { makeTasks, median, now, quantile, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'
import type { Work } from './writer.ts'

const ROUNDS = 3
const COUNT = 150

/** Time from a change by another process until a client has received it, compared with a bare watcher in this process. */
export async function latency (): Promise<Figure[]> {
  const [ours, bare] = [makeTasks(2000), makeTasks(2000)]
  const server = await Child.start<ServerReady>('./server.ts', { dir: ours.dir })
  const writer = await Child.start('./writer.ts')
  const arrivals = new Arrivals()
  const stream = await new EventStream(`${server.ready.url}/api/tasks/events`, {
    onMessage: ({ event, data }) => {
      if (event === 'task.log') arrivals.log(data.chunk)
      if (event === 'task.upsert') arrivals.arrived(data.number)
    }
  }).open()
  await stream.find(({ event }) => event === 'ready')
  const stopWatch = watchBare(bare.dir, { onLog: (text) => arrivals.log(text), onTask: ({ number }) => arrivals.arrived(number) })
  const samples: Record<string, number[]> = {}
  for (let round = 0; round <= ROUNDS; round++) {
    for (const question of ['append', 'put']) {
      for (const [name, { dir, running: ids }] of Object.entries({ ours, bare })) {
        const times = await writer.ask<number[]>(question, { dir, ids, from: arrivals.begin(COUNT), count: COUNT, everyMs: 15 } satisfies Work)
        const taken = await arrivals.all(times)
        // the first round warms up
        if (round > 0) (samples[`${question} ${name}`] ??= []).push(...taken)
      }
    }
  }
  const { watcher, missedChanges } = await (await fetch(`${server.ready.url}/api/tasks/_meta/health`)).json() as Record<string, unknown>
  stream.close()
  stopWatch()
  await Promise.all([server.stop(), writer.stop()])
  // if the system has dropped file events, these are figures of polling
  if (watcher !== 'native' || missedChanges !== 0) process.stderr.write(`watcher: ${watcher}, missed changes: ${missedChanges}\n`)
  return [
    line('log append → task.log, 2,000 tasks, p50', samples['append ours']!, samples['append bare']!, { part: 0.5, wanted: 2 }),
    line('log append → task.log, 2,000 tasks, p95', samples['append ours']!, samples['append bare']!, { part: 0.95 }),
    line('renamed task file → task.upsert, p50', samples['put ours']!, samples['put bare']!, { part: 0.5, wanted: 3 }),
    line('renamed task file → task.upsert, p95', samples['put ours']!, samples['put bare']!, { part: 0.95 })
  ]
}

function line (name: string, ours: readonly number[], bare: readonly number[], { part, wanted }: { part: number, wanted?: number }): Figure {
  const [figure, baseline] = [quantile(ours, part), quantile(bare, part)]
  return {
    name,
    figure: `${figure.toFixed(2)} ms; bare fs.watch and read: ${baseline.toFixed(2)} ms`,
    ...(wanted !== undefined && { wanted: `< ${wanted} ms`, ok: median(ours) < wanted })
  }
}

/** The times at which numbered changes arrived. */
class Arrivals {
  readonly #times = new Map<number, number>()
  #first = 0
  #next = 0
  #done: (() => void) | undefined

  /** Announces `count` changes. @returns the number of the first one */
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

  /** Waits for all announced changes. @returns the delay of each, in ms */
  async all (startTimes: readonly number[]): Promise<number[]> {
    if (this.#times.size < this.#next) await new Promise<void>((resolve) => { this.#done = resolve })
    return startTimes.map((time, index) => this.#times.get(this.#first + index)! - time)
  }
}
