import { setTimeout as sleep } from 'node:timers/promises'
import type { Burst } from './broadcast.ts'
import { Child } from './child.ts'
import type { Connecting } from './clients.ts'
import type { Figure } from './lab.ts'
import { Growth } from './memory.ts'

const LOG_BYTES = 200 * 1024 * 1024
/** As much at a time as no client that reads is ever behind with so far that something is withheld from it. */
const BURST: Required<Burst> = { count: 4, bytes: 64 * 1024 }

interface Told { readonly heads: readonly number[] }

/** One client never reads, the others take all of a long log; then it reads again. */
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
  let others: Told = { heads: [] }
  let size = 0
  while (size < LOG_BYTES) {
    size = await burst()
    others = await clients.ask<Told>('told', { name: 'others', size })
  }
  const peak = growth.peakMiB
  await clients.ask('resume', 'stalled')
  const back = await clients.ask<Told>('told', { name: 'stalled', size })
  const later = await burst()
  for (const name of ['stalled', 'others']) await clients.ask('told', { name, size: later })
  await Promise.all([clients.stop(), server.stop()])
  const name = `one client of ${(readers + 1).toLocaleString('en')} stalled, ${LOG_BYTES / 1024 / 1024} MB of log`
  const right = back.heads.length === 1 && back.heads[0] === size
  return [
    { name: `${name}: server's memory`, figure: `grew by ${peak.toFixed(0)} MB at most`, wanted: '< 40 MB', ok: peak < 40 },
    { name: `${name}: the others`, figure: `got every byte, ${others.heads.length} heads`, wanted: 'all, 0 heads', ok: others.heads.length === 0 },
    { name: `${name}: reads again`, figure: right ? 'a head with the size, then what follows' : `heads ${back.heads.join(', ')} of ${size}`, wanted: 'a head', ok: right }
  ]
}
