import { Child } from './child.ts'
import { median, type Figure } from './lab.ts'

const EVENTS = 5000

/** Log events of 1 KB to all clients, against a plain `res.write` of the same frames. */
export async function fanOut (clients: number, rounds: number): Promise<Figure[]> {
  const receiver = await Child.start('./fan-out-clients.ts')
  const sides = await Promise.all((['feed', 'plain'] as const).map(async (kind) => (
    { server: await Child.start<{ port: number }>('./fan-out-server.ts', { kind }), rates: [] as number[], costs: [] as number[] }
  )))
  const deliveries = EVENTS * clients
  for (let round = 0; round <= rounds; round++) {
    for (const { server, rates, costs } of sides) {
      await receiver.ask('connect', { port: server.ready.port, count: clients })
      const before = await server.ask<number>('cpu')
      const started = performance.now()
      await Promise.all([receiver.ask('receive', deliveries), server.ask('emit', EVENTS)])
      const seconds = (performance.now() - started) / 1000
      const cost = await server.ask<number>('cpu') - before
      // the first round warms up
      if (round > 0) {
        rates.push(deliveries / seconds)
        costs.push(cost / deliveries)
      }
      await receiver.ask('disconnect')
    }
  }
  await Promise.all([receiver.stop(), ...sides.map(({ server }) => server.stop())])
  const [feed, plain] = sides.map(({ rates, costs }) => ({ rate: median(rates), cost: median(costs) })) as [Rate, Rate]
  return [{
    name: `1 KB log events to ${clients} ${clients === 1 ? 'client' : 'clients'}`,
    figure: `${format(feed)}; plain res.write: ${format(plain)}`
  }]
}

interface Rate {
  readonly rate: number
  readonly cost: number
}

function format ({ rate, cost }: Rate): string {
  return `${Math.round(rate / 1000)}k deliveries/s, ${cost.toFixed(1)} µs CPU each`
}
