import { setTimeout as sleep } from 'node:timers/promises'
import { EventStream, post } from '../helpers.ts'
import { Child } from './child.ts'
import { makeDirectory, quantile, type Figure } from './lab.ts'
import { Processor } from './processor.ts'
import type { ServerReady } from './server.ts'

const COUNT = 60
const WARM_UP = 10

/** Time from the POST of a task until a client of the feed has the first byte of its output, with an idle processor. */
export async function processorLatency (): Promise<Figure[]> {
  const dir = makeDirectory()
  const [server, bare] = await Promise.all([Child.start<ServerReady>('./server.ts', { dir }), Child.start('./bare-spawner.mjs')])
  const processor = new Processor(dir)
  await processor.ready
  const stream = await new EventStream(`${server.ready.url}/api/tasks/events`).open()
  await stream.find(({ event }) => event === 'ready')
  const [received, spawned]: [number[], number[]] = [[], []]
  for (let index = 0; index < WARM_UP + COUNT; index++) {
    const sides = [async () => received.push(await firstByte(server.ready.url, stream)), async () => spawned.push(await bare.ask<number>('firstByte'))]
    for (const side of index % 2 === 0 ? sides : sides.toReversed()) await side()
  }
  stream.close()
  await Promise.all([processor.stop(), server.stop(), bare.stop()])
  const [ours, least] = [received.slice(WARM_UP), spawned.slice(WARM_UP)]
  const more = quantile(ours, 0.5) - quantile(least, 0.5)
  const name = 'POST of a task → its first byte of output at a client'
  return [
    { name: `${name}, p50`, figure: times(ours, least, 0.5), wanted: '< 15 ms more', ok: more < 15 },
    { name: `${name}, p95`, figure: times(ours, least, 0.95) }
  ]
}

/** @returns the time in ms */
async function firstByte (url: string, stream: EventStream): Promise<number> {
  const from = stream.messages.length
  const started = performance.now()
  const [arrived] = await Promise.all([
    stream.find(({ event, data }) => event === 'task.log' && data.chunk.startsWith('x'), from).then(() => performance.now()),
    post(`${url}/api/tasks`, { command: 'echo x' }).then((response) => response.text())
  ])
  await stream.find(({ event, data }) => event === 'task.upsert' && data.status === 'completed', from)
  // the processor may still be removing files
  await sleep(50)
  return arrived - started
}

function times (ours: readonly number[], least: readonly number[], part: number): string {
  const [all, bare] = [quantile(ours, part), quantile(least, part)]
  return `${all.toFixed(1)} ms; a bare spawn's: ${bare.toFixed(1)} ms (${(all / bare).toFixed(1)} times)`
}
