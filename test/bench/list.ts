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

/** Time to register the plugin with many tasks, and duration of the first list. */
export async function boot (): Promise<Figure[]> {
  const server = await Child.start<ServerReady>('./server.ts', { dir: makeTasks(50_000).dir })
  const started = performance.now()
  const tasks = await (await fetch(`${server.ready.url}/api/tasks`)).json() as unknown[]
  const listMs = performance.now() - started
  await server.stop()
  const { readyMs } = server.ready
  return [
    { name: 'register with 50,000 tasks', figure: `${readyMs.toFixed(0)} ms`, wanted: '< 1000 ms', ok: readyMs < 1000 },
    { name: 'its first list', figure: `${tasks.length} tasks after ${listMs.toFixed(0)} ms more`, wanted: '50000 tasks', ok: tasks.length === 50_000 }
  ]
}
