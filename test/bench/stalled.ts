import { setTimeout as sleep } from 'node:timers/promises'
import type { Burst } from './broadcast.ts'
import { Child } from './child.ts'
import type { Connecting, Received } from './clients.ts'
import type { Figure } from './lab.ts'
import { Growth } from './memory.ts'

const LOG_BYTES = 200 * 1024 * 1024
/** Small enough that a client that reads is never so far behind that log chunks are withheld from it. */
const BURST: Required<Burst> = { count: 4, bytes: 64 * 1024 }

/** One client stops reading while the others receive a long log; then it continues. */
export async function stalled (readers: number): Promise<Figure[]> {
  const clients = await Child.start('./clients.ts')
  const server = await Child.start<{ port: number }>('./feed-server.ts')
  const { port } = server.ready
  await clients.ask('connect', { name: 'stalled', port, count: 1 } satisfies Connecting)
  await clients.ask('connect', { name: 'others', port, count: readers } satisfies Connecting)
  await clients.ask('pause', 'stalled')
  const burst = async () => await server.ask<number>('burst', BURST)
  await sleep(1000)
  const growth = new Growth(server.pid)
  let others: Received = { sizeUpdates: [] }
  let size = 0
  while (size < LOG_BYTES) {
    size = await burst()
    others = await clients.ask<Received>('received', { name: 'others', size })
  }
  const peak = growth.peakMiB
  await clients.ask('resume', 'stalled')
  const back = await clients.ask<Received>('received', { name: 'stalled', size })
  const later = await burst()
  for (const name of ['stalled', 'others']) await clients.ask('received', { name, size: later })
  await Promise.all([clients.stop(), server.stop()])
  const name = `one client of ${(readers + 1).toLocaleString('en')} stalled, ${LOG_BYTES / 1024 / 1024} MB of log`
  const right = back.sizeUpdates.length === 1 && back.sizeUpdates[0] === size
  return [
    { name: `${name}: server's memory`, figure: `grew by ${peak.toFixed(0)} MB at most`, wanted: '< 40 MB', ok: peak < 40 },
    { name: `${name}: the others`, figure: `got every byte, ${others.sizeUpdates.length} size updates`, wanted: 'all, 0 size updates', ok: others.sizeUpdates.length === 0 },
    { name: `${name}: reads again`, figure: right ? 'a size update, then the following chunks' : `size updates ${back.sizeUpdates.join(', ')} of ${size}`, wanted: 'a size update', ok: right }
  ]
}
