import { appendFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { putTask } from '../helpers.ts'
import { Child } from './child.ts'
import type { Connecting } from './clients.ts'
import { makeDirectory, median, now, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'
import { EVENT_BYTES, pieceOf, TASK_ID } from './source.ts'

const CLIENTS = 1000
const ROUNDS = 5
const APPENDS = 20
const FEED = 'the feed'
const FOLLOWERS = 'GET /:id/log/events'
const PATHS: Record<string, Pick<Connecting, 'path' | 'opening'>> = {
  [FEED]: { path: '/api/tasks/events', opening: 'ready' },
  [FOLLOWERS]: { path: `/api/tasks/${TASK_ID}/log/events`, opening: 'retry' }
}

/** A server whose only task is running, and whose clients receive its log. */
interface Side {
  readonly server: Child<ServerReady>
  readonly log: string
  appends: number
  /** CPU time of the server per delivery, in µs, for each round. */
  readonly costs: number[]
}

/** CPU time to send an append of 1 KB to 1,000 followers of one log, compared with the feed. */
export async function followers (): Promise<Figure[]> {
  const clients = await Child.start('./clients.ts')
  const sides = new Map<string, Side>()
  for (const [name, opening] of Object.entries(PATHS)) {
    const dir = makeDirectory()
    const log = join(dir, `${TASK_ID}.log`)
    await writeFile(log, '')
    await putTask(dir, TASK_ID, { status: 'running' })
    const server = await Child.start<ServerReady>('./server.ts', { dir })
    await clients.ask('connect', { name, port: Number(new URL(server.ready.url).port), count: CLIENTS, ...opening } satisfies Connecting)
    sides.set(name, { server, log, appends: 0, costs: [] })
  }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, side] of round % 2 === 0 ? sides : [...sides].reverse()) {
      const cost = await costOf(name, side, clients)
      // the first round warms up
      if (round > 0) side.costs.push(cost)
    }
  }
  await Promise.all([clients, ...[...sides.values()].map(({ server }) => server)].map((child) => child.stop()))
  const [feed, ours] = [sides.get(FEED)!.costs, sides.get(FOLLOWERS)!.costs]
  const ratio = median(ours.map((cost, round) => cost / feed[round]!))
  return [{
    name: 'CPU per delivery, 1,000 followers of one log, appends of 1 KB: the feed',
    figure: `${ratio.toFixed(2)} of it (${median(ours).toFixed(2)} µs; ${median(feed).toFixed(2)} µs)`,
    wanted: '≤ 2',
    ok: ratio <= 2
  }]
}

/** Each append follows when all clients have received the previous one. */
async function costOf (name: string, side: Side, clients: Child): Promise<number> {
  const before = await side.server.ask<number>('cpu')
  for (let append = 0; append < APPENDS; append++) {
    appendFileSync(side.log, pieceOf(side.appends++, now(), EVENT_BYTES).chunk)
    await clients.ask('received', { name, size: side.appends * EVENT_BYTES })
  }
  return (await side.server.ask<number>('cpu') - before) / (APPENDS * CLIENTS)
}
