import { setTimeout as sleep } from 'node:timers/promises'
import { post } from '../helpers.ts'
import { Child } from './child.ts'
import { makeDirectory, median, type Figure } from './lab.ts'
import { isInstalled, peerQueues, runPeer } from './peer-queues.ts'
import { allCompleted, Processor } from './processor.ts'
import type { ServerReady } from './server.ts'

const ROUNDS = 5
const TASKS = 100
/** Number of commands of the bare loop: it takes about as long as the tasks. */
const BARE = 400

/** Measures tasks per second. */
type Side = () => Promise<number>

/** Throughput of tasks that run `true`, compared with a loop that only spawns it. */
export async function processorThroughput (): Promise<Figure[]> {
  return [...await withConcurrency(1), ...await withConcurrency(4)]
}

async function withConcurrency (concurrency: number): Promise<Figure[]> {
  const [renamed, posted] = [makeDirectory(), makeDirectory()]
  const [bare, writer, server] = await Promise.all([
    Child.start('./bare-spawner.mjs'), Child.start('./writer.ts'), Child.start<ServerReady>('./server.ts', { dir: posted })
  ])
  const [byRename, byPost] = [new Processor(renamed, { concurrency }), new Processor(posted, { concurrency })]
  await Promise.all([byRename.ready, byPost.ready])
  const peers = peerQueues.filter((peer) => peer.maxConcurrency >= concurrency)
  const sides: Record<string, Side> = {
    'bare loop': async () => BARE / await bare.ask<number>('run', { count: BARE, concurrency }) * 1000,
    rename: async () => await rateOf(async () => await allCompleted(renamed, await writer.ask<string[]>('enqueue', { dir: renamed, count: TASKS }))),
    POST: async () => await rateOf(async () => await allCompleted(posted, await postAll(server.ready.url)))
  }
  for (const peer of peers.filter(isInstalled)) sides[peer.program] = async () => TASKS / await runPeer(peer, TASKS, concurrency) * 1000
  const rates = await measure(sides)
  await Promise.all([byRename.stop(), byPost.stop()])
  await Promise.all([bare.stop(), writer.stop(), server.stop()])
  const names = ['rename', 'POST', ...peers.map(({ program }) => program)]
  return names.map((name) => line(name, concurrency, rates))
}

/** Measures all sides in each round, in alternating order. */
async function measure (sides: Record<string, Side>): Promise<Record<string, number[]>> {
  const rates: Record<string, number[]> = {}
  for (let round = 0; round <= ROUNDS; round++) {
    const entries = Object.entries(sides)
    for (const [name, side] of round % 2 === 0 ? entries : entries.toReversed()) {
      const rate = await side()
      // the first round warms up
      if (round > 0) (rates[name] ??= []).push(rate)
      // the processor may still be busy after the last task is finished
      await sleep(100)
    }
  }
  return rates
}

function line (name: string, concurrency: number, rates: Record<string, number[]>): Figure {
  const ours = name === 'rename' || name === 'POST'
  const what = `true, ${concurrency} at a time, ${ours ? `enqueued by ${name}` : `by ${name}`}, against a spawn loop`
  const [own, bare] = [rates[name], rates['bare loop']!]
  if (own === undefined) return { name: what, figure: `skipped: ${name} is not installed` }
  const ratio = median(own.map((rate, round) => rate / bare[round]!))
  return {
    name: what,
    figure: `${ratio.toFixed(2)} of its rate (${median(own).toFixed(0)}/s; ${median(bare).toFixed(0)}/s)`,
    ...(name === 'rename' && { wanted: '≥ 0.25', ok: ratio >= 0.25 })
  }
}

async function rateOf (work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return TASKS / (performance.now() - started) * 1000
}

/** One request after the other, as from one client. */
async function postAll (url: string): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < TASKS) {
    const response = await post(`${url}/api/tasks`, { command: 'true' })
    if (response.status !== 201) throw new Error(`${response.status} for a new task`)
    ids.push((await response.json() as { id: string }).id)
  }
  return ids
}
