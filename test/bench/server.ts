import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import { tasksPlugin } from 'fastify-tasks'
import { tasksDashboard } from 'fastify-tasks/dashboard'
import { PauseMeter } from '../pauses.ts'
import { answer, cpu, startedWith } from './child.ts'
import { collected } from './collected.ts'

export interface ServerReady {
  readonly url: string
  /** URL of a server with the same tasks that speaks HTTP/2, if one was wanted. */
  readonly url2: string | undefined
  /** Time from the registration until the host is ready, in ms. */
  readonly readyMs: number
}

/** A host with the built plugin and dashboard, and with further views of the same store. */
const { dir, views = 1, http2 = false } = startedWith<{ dir: string, views?: number, http2?: boolean }>()
const app = Fastify()
const pauses = monitorEventLoopDelay({ resolution: 1 })
pauses.enable()
const started = performance.now()
await app.register(tasksPlugin, { dir })
await app.register(tasksDashboard)
for (let view = 1; view < views; view++) {
  await app.register(async (scope) => { await scope.register(tasksPlugin, { store: app.tasks.store, prefix: `/view${view}` }) })
}
// the baseline of the list: reads every file for every request
app.get('/bare', async (_request, reply) => {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json'))
  const tasks = await Promise.all(names.map(async (name) => JSON.parse(await readFile(join(dir, name), 'utf8')) as { createdAt: string }))
  return reply.type('application/json').send(newestFirst(tasks))
})
app.get('/bare-sync', async (_request, reply) => {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json'))
  return reply.type('application/json').send(newestFirst(names.map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as { createdAt: string })))
})
await app.ready()
const readyMs = performance.now() - started
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const url2 = http2 ? await listenHttp2() : undefined
let meter: PauseMeter | undefined
answer({ url, url2, readyMs } satisfies ServerReady, {
  cpu,
  /** @returns the longest pause of the event loop since the start, or since `watchPauses`, in ms. It is not measured any more: that takes time, too */
  longestPause: () => {
    pauses.disable()
    return pauses.max / 1e6
  },
  watchPauses: () => {
    pauses.reset()
    pauses.enable()
  },
  /** Reads and parses every task file. @returns ms */
  blockingReads: () => {
    const before = performance.now()
    for (const name of readdirSync(dir)) if (name.endsWith('.json')) JSON.parse(readFileSync(join(dir, name), 'utf8'))
    return performance.now() - before
  },
  collected,
  /** The pauses of the event loop since the previous question; the first one starts the measurement. */
  pauses: () => (meter ??= new PauseMeter()).take(),
  /** @returns ms */
  close: async () => {
    const before = performance.now()
    await app.close()
    return performance.now() - before
  }
})

async function listenHttp2 (): Promise<string> {
  // Fastify keeps a session until this time has passed, also if it is closed
  const app2 = Fastify({ http2: true, http2SessionTimeout: 1000 })
  await app2.register(tasksPlugin, { store: app.tasks.store })
  return await app2.listen({ port: 0, host: '127.0.0.1' })
}

function newestFirst (tasks: Array<{ createdAt: string }>): string {
  return JSON.stringify(tasks.sort((a, b) => a.createdAt < b.createdAt ? 1 : -1))
}
