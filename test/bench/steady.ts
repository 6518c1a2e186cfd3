import type { Steady } from './broadcast.ts'
import { Child } from './child.ts'
import type { Connecting, Delays, Received } from './clients.ts'
import { now, type Figure } from './lab.ts'

const CLIENTS = 1000
const PER_SECOND = 300
const SECONDS = 10

/** Many events per second to many clients: the delay from the time an event is due until a client has received it. */
export async function steady (): Promise<Figure[]> {
  const clients = await Child.start('./clients.ts')
  const server = await Child.start<{ port: number }>('./feed-server.ts')
  const run = async (seconds: number): Promise<{ delays: Delays, sizeUpdates: readonly number[], percent: number }> => {
    const [cpuBefore, start] = [await server.ask<number>('cpu'), now()]
    const size = await server.ask<number>('steady', { perSecond: PER_SECOND, seconds } satisfies Steady)
    const { sizeUpdates } = await clients.ask<Received>('received', { name: 'all', size })
    const percent = (await server.ask<number>('cpu') - cpuBefore) / 10 / (now() - start)
    return { delays: await clients.ask<Delays>('delays'), sizeUpdates, percent }
  }
  await clients.ask('connect', { name: 'all', port: server.ready.port, count: CLIENTS, delays: true } satisfies Connecting)
  // the first second warms up
  await run(1)
  const { delays: { count, p50, p99 }, sizeUpdates, percent } = await run(SECONDS)
  await Promise.all([clients.stop(), server.stop()])
  const wanted = PER_SECOND * SECONDS * CLIENTS
  const name = `${PER_SECOND} events/s of 1 KB to 1,000 clients, ${SECONDS} s`
  return [
    { name: `${name}: delivered`, figure: `${count} of ${wanted}, ${sizeUpdates.length} withheld`, wanted: 'all', ok: count === wanted && sizeUpdates.length === 0 },
    { name: `${name}: latency`, figure: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`, wanted: 'p99 < 60 ms', ok: p99 < 60 },
    { name: `${name}: server's CPU`, figure: `${percent.toFixed(0)} % of a core`, wanted: '< 100 %', ok: percent < 100 }
  ]
}
