import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import { tasksPlugin } from 'fastify-tasks'
import { tasksDashboard } from 'fastify-tasks/dashboard'
import { answer, cpu, startedWith } from './child.ts'

export interface ServerReady {
  readonly url: string
  /** Time from the registration until the host is ready, in ms. */
  readonly readyMs: number
}

/** A host with the built plugin and dashboard, and with further views of the same store. */
const { dir, views = 1 } = startedWith<{ dir: string, views?: number }>()
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
answer({ url, readyMs } satisfies ServerReady, {
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
  /** @returns ms */
  close: async () => {
    const before = performance.now()
    await app.close()
    return performance.now() - before
  }
})

function newestFirst (tasks: Array<{ createdAt: string }>): string {
  return JSON.stringify(tasks.sort((a, b) => a.createdAt < b.createdAt ? 1 : -1))
}
