import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { tasksPlugin, type TasksHealth, type TasksPluginOptions } from '../lib/index.ts'
import { waitFor } from './wait-for.ts'

export { EventStream, openFeed, type FeedMessage } from './event-stream.ts'
export { putTask, taskText, writeTaskFile } from './task-files.ts'
export { waitFor } from './wait-for.ts'

export interface Teardown { teardown (work: () => unknown): void }

/** Creates a directory that is deleted after the test. */
export async function temporaryDirectory (t: Teardown): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export interface Running {
  readonly app: FastifyInstance
  /** URL of the plugin's routes. */
  readonly url: string
}

/** Starts a host with the plugin. It closes after the test. */
export async function startServer (t: Teardown, options: TasksPluginOptions, server: FastifyServerOptions = {}): Promise<Running> {
  const app = Fastify(server)
  t.teardown(() => app.close())
  await app.register(tasksPlugin, options)
  return { app, url: `${await app.listen({ port: 0, host: '127.0.0.1' })}/api/tasks` }
}

export async function post (url: string, body: unknown): Promise<Response> {
  return await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

export async function healthOf (url: string): Promise<TasksHealth> {
  return await (await fetch(`${url}/_meta/health`)).json() as TasksHealth
}

/** Waits until the server at `url` has this number of streaming clients. */
export async function untilClients (url: string, count: number): Promise<void> {
  let health: TasksHealth | undefined
  await waitFor(async () => {
    health = await healthOf(url)
    return health.sseClients === count
  }, { describe: () => health })
}

/** Waits until the server at `url` has a task with this id. */
export async function untilKnown (url: string, id: string): Promise<void> {
  let status: number | undefined
  await waitFor(async () => {
    const response = await fetch(`${url}/${id}`)
    await response.arrayBuffer()
    status = response.status
    return response.ok
  }, { every: 1, describe: () => `${id}: status ${status}` })
}
