import { readdirSync, readFileSync } from 'node:fs'
import { EventStream } from '../helpers.ts'
import { Child } from './child.ts'
import { makeTasks, median, settled, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'
import type { Work } from './writer.ts'

const ROUNDS = 5
const COUNT = 400

/** CPU time of the server for one append to a log, with many tasks and with few; and its number of inotify watches. */
export async function scale (): Promise<Figure[]> {
  const sizes = [{ tasks: makeTasks(20_000), views: 3 }, { tasks: makeTasks(100), views: 1 }]
  const writer = await Child.start('./writer.ts')
  const sides = await Promise.all(sizes.map(async ({ tasks, views }) => {
    const server = await Child.start<ServerReady>('./server.ts', { dir: tasks.dir, views })
    const stream = await new EventStream(`${server.ready.url}/api/tasks/events`).open()
    await stream.find(({ event }) => event === 'ready')
    await fetch(`${server.ready.url}/api/tasks?limit=1`).then((response) => response.text())
    return { tasks, server, stream, cost: [] as number[] }
  }))
  const watches = inotifyWatches(sides[0]!.server.pid)
  for (const { server } of sides) await settled(server)
  for (let round = 0; round < ROUNDS; round++) {
    for (const { tasks, server, stream, cost } of sides) {
      const work: Work = { dir: tasks.dir, ids: tasks.running, from: round * COUNT, count: COUNT, everyMs: 5 }
      const received = stream.find(({ event, data }) => event === 'task.log' && data.chunk.includes(`#${(round + 1) * COUNT - 1};`), stream.messages.length)
      const before = await server.ask<number>('cpu')
      await writer.ask('append', work)
      await received
      cost.push((await server.ask<number>('cpu') - before) / COUNT)
    }
  }
  for (const { server, stream } of sides) {
    stream.close()
    await server.stop()
  }
  await writer.stop()
  const [many, few] = sides.map(({ cost }) => median(cost)) as [number, number]
  return [
    {
      name: 'CPU per log append, 20,000 tasks against 100',
      figure: `ratio ${(many / few).toFixed(2)} (${many.toFixed(0)} µs; ${few.toFixed(0)} µs)`,
      wanted: '< 1.5',
      ok: many / few < 1.5
    },
    { name: 'inotify watches, 20,000 tasks, 3 views', figure: `${watches}`, wanted: '1', ok: watches === 1 }
  ]
}

function inotifyWatches (pid: number): number {
  return readdirSync(`/proc/${pid}/fdinfo`)
    .flatMap((name) => readFileSync(`/proc/${pid}/fdinfo/${name}`, 'utf8').split('\n'))
    .filter((line) => line.startsWith('inotify wd:')).length
}
