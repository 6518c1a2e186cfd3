import { Child } from './child.ts'
import type { Getting } from './get-clients.ts'
import { makeTasks, median, type Figure } from './lab.ts'
import { Growth, tooManyFiles } from './memory.ts'
import type { ServerReady } from './server.ts'

const TASKS = 10_000
const CLIENTS = 1000
const ROUNDS = 3
const PATH = '/api/tasks'

/** All clients list all tasks at the same time, after the server was restarted; compared with a server that sends one buffer. */
export async function listClients (): Promise<Figure[]> {
  const name = `${CLIENTS.toLocaleString('en')} clients list ${TASKS.toLocaleString('en')} tasks after a restart`
  const skipReason = tooManyFiles(CLIENTS)
  if (skipReason !== undefined) return [{ name, figure: skipReason, wanted: '< 2', ok: false }]
  const { dir } = makeTasks(TASKS)
  const clients = await Child.start('./get-clients.ts')
  const rounds: Array<{ ours: number, bare: number, grownMiB: number, mb: number }> = []
  // the first round warms up the clients
  for (let round = 0; round <= ROUNDS; round++) {
    const { cpuMs: ours, bytes, grownMiB } = await oneRound(dir, clients)
    const bare = await bareRound(bytes, clients)
    if (round > 0) rounds.push({ ours, bare, grownMiB, mb: bytes * CLIENTS / 1e6 })
  }
  await clients.stop()
  const ratio = median(rounds.map(({ ours, bare }) => ours / bare))
  const middle = (key: 'ours' | 'bare' | 'grownMiB' | 'mb') => median(rounds.map((round) => round[key])).toFixed(0)
  return [
    { name: `${name}: CPU`, figure: `${ratio.toFixed(2)} of a bare server's (${middle('ours')} ms; ${middle('bare')} ms; ${middle('mb')} MB sent)`, wanted: '< 2', ok: ratio < 2 },
    { name: `${name}: memory`, figure: `grew by ${middle('grownMiB')} MB at most` }
  ]
}

/** A new process for each round. Reading the files at its start does not count, encoding the list does. */
async function oneRound (dir: string, clients: Child): Promise<{ cpuMs: number, bytes: number, grownMiB: number }> {
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  await (await fetch(`${server.ready.url}${PATH}?limit=1`)).arrayBuffer()
  const growth = new Growth(server.pid)
  const before = await server.ask<number>('cpu')
  const received = await clients.ask<number[]>('get', { port: Number(new URL(server.ready.url).port), path: PATH, count: CLIENTS } satisfies Getting)
  const cpuMs = (await server.ask<number>('cpu') - before) / 1000
  const grownMiB = growth.peakMiB
  await server.stop()
  const bytes = Math.min(...received)
  if (bytes < TASKS * 200 || Math.max(...received) > bytes + 1000) throw new Error(`Clients received ${bytes} to ${Math.max(...received)} bytes of a list`)
  return { cpuMs, bytes, grownMiB }
}

async function bareRound (bytes: number, clients: Child): Promise<number> {
  const server = await Child.start<{ port: number }>('./bare-list-server.ts', { bytes })
  const before = await server.ask<number>('cpu')
  await clients.ask('get', { port: server.ready.port, path: '/', count: CLIENTS } satisfies Getting)
  const cpuMs = (await server.ask<number>('cpu') - before) / 1000
  await server.stop()
  return cpuMs
}
