import { Child } from './child.ts'
import type { Connecting } from './clients.ts'
import { makeTasks, type Figure } from './lab.ts'
import { tooManyFiles } from './memory.ts'
import type { ServerReady } from './server.ts'

const CLIENTS = 5000

/** Many clients that connect at the same time, and `app.close()` while they are connected. */
export async function close (): Promise<Figure[]> {
  const name = `app.close() with ${CLIENTS.toLocaleString('en')} clients`
  const wanted = '< 2000 ms'
  const skipReason = tooManyFiles(CLIENTS)
  if (skipReason !== undefined) return [{ name, figure: skipReason, wanted, ok: false }]
  const clients = await Child.start('./clients.ts')
  const server = await Child.start<ServerReady>('./server.ts', { dir: makeTasks(10).dir })
  const port = Number(new URL(server.ready.url).port)
  const started = performance.now()
  // resolves when each client has received its `ready` event
  await clients.ask('connect', { name: 'all', port, path: '/api/tasks/events', count: CLIENTS, batchSize: CLIENTS } satisfies Connecting)
  const attachMs = performance.now() - started
  const { sseClients } = await (await fetch(`${server.ready.url}/api/tasks/_meta/health`)).json() as { sseClients: number }
  const closed = clients.ask('closed', 'all')
  const closeMs = await server.ask<number>('close')
  await closed
  await Promise.all([clients.stop(), server.stop()])
  return [
    { name: `${CLIENTS.toLocaleString('en')} clients connect at once`, figure: `${sseClients} attached after ${attachMs.toFixed(0)} ms`, wanted: `${CLIENTS}`, ok: sseClients === CLIENTS },
    { name, figure: `${closeMs.toFixed(0)} ms, all ended`, wanted, ok: closeMs < 2000 }
  ]
}
