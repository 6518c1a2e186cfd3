import { Child } from './child.ts'
import type { Received } from './clients.ts'
import { median, type Figure } from './lab.ts'

const CLIENTS = 1000
const ROUNDS = 5
const MODES = [
  { name: 'single', bursts: 30, count: 1 },
  { name: 'bursts', bursts: 6, count: 10 }
] as const
const OURS = 'fastify-tasks'
const PLAIN = 'plain res.write'
const LIBRARIES = ['@fastify/sse', 'fastify-sse-v2', 'better-sse']

type Mode = typeof MODES[number]

/** CPU time of the server per delivery, in µs, for each round. */
type Costs = Map<string, Record<Mode['name'], number[]>>

/** CPU time to send an event to 1,000 clients, compared with other libraries. */
export async function fanOut (): Promise<Figure[]> {
  const clients = await Child.start('./clients.ts')
  const servers = new Map<string, Child<{ port: number }>>()
  const costs: Costs = new Map()
  for (const name of [OURS, PLAIN, ...LIBRARIES]) {
    const server = await startServer(name)
    servers.set(name, server)
    costs.set(name, { single: [], bursts: [] })
    await clients.ask('connect', { name, port: server.ready.port, count: CLIENTS })
  }
  for (let round = 0; round <= ROUNDS; round++) {
    // alternating order, so that no server has an advantage
    const order = round % 2 === 0 ? [...servers] : [...servers].reverse()
    for (const mode of MODES) {
      for (const [name, server] of order) {
        const cost = await costOf(server, clients, name, mode)
        // the first round warms up
        if (round > 0) costs.get(name)![mode.name].push(cost)
      }
    }
  }
  await Promise.all([clients, ...servers.values()].map((child) => child.stop()))
  return figures(costs)
}

async function startServer (name: string): Promise<Child<{ port: number }>> {
  if (name === OURS) return await Child.start('./feed-server.ts')
  if (name === 'fastify-sse-v2') return await Child.start('./fastify-sse-v2-server.ts')
  return await Child.start('./peer-server.ts', { peer: name })
}

/** Each burst starts when all clients have received the previous one. */
async function costOf (server: Child, clients: Child, name: string, { bursts, count }: Mode): Promise<number> {
  const before = await server.ask<number>('cpu')
  for (let burst = 0; burst < bursts; burst++) {
    const size = await server.ask<number>('burst', { count })
    const { sizeUpdates } = await clients.ask<Received>('received', { name, size })
    if (sizeUpdates.length > 0) throw new Error(`${name} withheld log chunks`)
  }
  return (await server.ask<number>('cpu') - before) / (bursts * count * CLIENTS)
}

function figures (costs: Costs): Figure[] {
  const compare = (peer: string, mode: Mode['name']) => {
    const [ours, theirs] = [costs.get(OURS)![mode], costs.get(peer)![mode]]
    // the median of the ratios of each round, because the load of the machine changes between rounds
    const ratio = median(ours.map((cost, round) => cost / theirs[round]!))
    return { ratio, micros: `${median(ours).toFixed(2)} µs; ${median(theirs).toFixed(2)} µs` }
  }
  return MODES.flatMap(({ name: mode }) => [PLAIN, ...LIBRARIES].map((peer): Figure => {
    const { ratio, micros } = compare(peer, mode)
    const name = `CPU per delivery, 1,000 clients, ${mode === 'single' ? '1 KB events' : 'bursts of 10'}: ${peer}`
    if (mode === 'single') {
      const most = peer === PLAIN ? 1.15 : 1
      return { name, figure: `${ratio.toFixed(2)} of it (${micros})`, wanted: peer === PLAIN ? '≤ 1.15' : '< 1', ok: ratio <= most }
    }
    const figure = `${(1 / ratio).toFixed(1)} times less (${micros})`
    return peer === PLAIN ? { name, figure } : { name, figure, wanted: '≥ 6', ok: 1 / ratio >= 6 }
  }))
}
