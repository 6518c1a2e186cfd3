import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.ts'
import { makeDirectory, makeTasks, now, settled, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'

const COUNT = 100_000
const STRAY = 50_000
const IDLE_SECONDS = 30

/** What many tasks cost while nothing happens, and when the directory is scanned. */
export async function waiting (): Promise<Figure[]> {
  return [
    ...await idle('queued', makeTasks(COUNT, { running: 0, queued: true }).dir),
    ...await idle('finished', makeTasks(COUNT, { running: 0 }).dir)
  ]
}

async function idle (name: string, dir: string): Promise<Figure[]> {
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  const started = performance.now()
  await (await fetch(`${server.ready.url}/api/tasks?limit=100`)).arrayBuffer()
  const listMs = server.ready.readyMs + performance.now() - started
  const bootPause = await server.ask<number>('longestPause')
  await server.ask('watchPauses')
  await (await fetch(`${server.ready.url}/api/tasks`)).arrayBuffer()
  const listPause = await server.ask<number>('longestPause')
  const idlePercent = await busyPercent(server)
  await server.ask('watchPauses')
  // a new name causes a scan of the names, and a comparison of the files
  writeFileSync(join(dir, 'note.txt'), '')
  await sleep(IDLE_SECONDS * 1000)
  const scanPause = await server.ask<number>('longestPause')
  await server.stop()
  const tasks = `${COUNT} ${name} tasks`
  return [
    { name: `${tasks}: first list after register`, figure: `${listMs.toFixed(0)} ms`, wanted: '< 5000 ms', ok: listMs < 5000 },
    { name: `${tasks}: idle, CPU`, figure: `${idlePercent.toFixed(1)} % of a core`, wanted: '< 5 %', ok: idlePercent < 5 },
    ...([['while they are read', bootPause], ['while all are listed', listPause], ['during a scan', scanPause]] as const).map(([when, pause]) => (
      { name: `${tasks}: longest pause ${when}`, figure: `${pause.toFixed(0)} ms`, wanted: '< 50 ms', ok: pause < 50 }
    ))
  ]
}

/** CPU of the server for `IDLE_SECONDS`. */
async function busyPercent (server: Child): Promise<number> {
  const before = await server.ask<number>('cpu')
  await sleep(IDLE_SECONDS * 1000)
  return (await server.ask<number>('cpu') - before) / IDLE_SECONDS / 10_000
}

/** What many cancel markers cost whose tasks do not exist, until they are removed. */
export async function stray (): Promise<Figure[]> {
  const dir = makeDirectory()
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  await settled(server)
  const [before, start] = [await server.ask<number>('cpu'), now()]
  await server.ask('watchPauses')
  for (let number = 0; number < STRAY; number++) writeFileSync(join(dir, `task_${number}_stray.cancel`), '')
  while (readdirSync(dir).some((name) => name.endsWith('.cancel'))) await sleep(1000)
  const [cpuMs, seconds] = [(await server.ask<number>('cpu') - before) / 1000, (now() - start) / 1000]
  const pause = await server.ask<number>('longestPause')
  await server.stop()
  const name = `${STRAY} stray markers, until they are removed`
  return [
    { name, figure: `${seconds.toFixed(0)} s, ${(cpuMs / 1000).toFixed(1)} s of CPU`, wanted: '< 30 s of CPU', ok: cpuMs < 30_000 },
    { name: `${name}: longest pause`, figure: `${pause.toFixed(0)} ms`, wanted: '< 50 ms', ok: pause < 50 }
  ]
}
