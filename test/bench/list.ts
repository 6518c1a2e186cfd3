import { Child } from './child.ts'
import { makeTasks, median, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'

const ROUNDS = 9

/** Duration of the list of many tasks, compared with reading and parsing every file for each request. */
export async function list (): Promise<Figure[]> {
  const server = await Child.start<ServerReady>('./server.ts', { dir: makeTasks(10_000).dir })
  const paths = { list: '/api/tasks', bare: '/bare', bareSync: '/bare-sync' }
  const times: Record<string, number[]> = { list: [], bare: [], bareSync: [] }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, path] of Object.entries(paths)) {
      const started = performance.now()
      const response = await fetch(`${server.ready.url}${path}`)
      await response.arrayBuffer()
      if (round > 0) times[name]!.push(performance.now() - started)
    }
  }
  await server.stop()
  const [listed, bare, bareSync] = Object.values(times).map(median) as [number, number, number]
  const ratio = bare / listed
  return [{
    name: 'list of 10,000 tasks, against reading every file',
    figure: `${ratio.toFixed(0)} times faster (${listed.toFixed(1)} ms; ${bare.toFixed(0)} ms, by blocking reads ${bareSync.toFixed(0)} ms)`,
    wanted: '≥ 20',
    ok: ratio >= 20
  }]
}

/** Time from the registration of the plugin with many tasks until they are listed, compared with blocking reads of their files. */
export async function boot (): Promise<Figure[]> {
  const { dir } = makeTasks(50_000)
  const ratios: number[] = []
  const pauses: number[] = []
  const details: string[] = []
  for (let round = 0; round < 3; round++) {
    const server = await Child.start<ServerReady>('./server.ts', { dir })
    const started = performance.now()
    await (await fetch(`${server.ready.url}/api/tasks`)).arrayBuffer()
    const listedMs = server.ready.readyMs + performance.now() - started
    pauses.push(await server.ask<number>('longestPause'))
    const readMs = median([await server.ask<number>('blockingReads'), await server.ask<number>('blockingReads'), await server.ask<number>('blockingReads')])
    await server.stop()
    ratios.push(listedMs / readMs)
    details.push(`${listedMs.toFixed(0)} ms; ${readMs.toFixed(0)} ms`)
  }
  const [ratio, pause] = [median(ratios), median(pauses)]
  return [
    { name: '50,000 tasks listed after register, against blocking reads', figure: `${ratio.toFixed(1)} times as long (${details.join(', ')})`, wanted: '< 2.4', ok: ratio < 2.4 },
    { name: 'its longest pause of the event loop', figure: `${pause.toFixed(0)} ms`, wanted: '< 30 ms', ok: pause < 30 }
  ]
}
