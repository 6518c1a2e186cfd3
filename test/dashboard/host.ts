import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import tasksPlugin, { type TasksPluginOptions } from 'fastify-tasks'
import tasksDashboard, { type TasksDashboardOptions } from 'fastify-tasks/dashboard'
import type { Test } from 'tap'
import { makeDirectory } from '../processor/fixtures.ts'

export interface Host {
  readonly app: FastifyInstance
  readonly dir: string
  readonly url: string
}

interface HostOptions {
  readonly dir?: string
  readonly port?: number
  readonly tasks?: Partial<TasksPluginOptions>
  readonly dashboard?: TasksDashboardOptions
  readonly server?: FastifyServerOptions
  /** What the host itself registers first. */
  readonly before?: (app: FastifyInstance) => unknown
}

/** A host with tasks and their page, as a user would write it, from the built package. */
export async function startHost (t: Test, { dir = makeTasks(t), port = 0, tasks = {}, dashboard = {}, server = {}, before }: HostOptions = {}): Promise<Host> {
  const app = Fastify({ forceCloseConnections: true, ...server })
  t.teardown(() => app.close())
  await before?.(app)
  await app.register(tasksPlugin, { dir, ...tasks } as TasksPluginOptions)
  await app.register(tasksDashboard, dashboard)
  const url = await app.listen({ port, host: '127.0.0.1' })
  return { app, dir, url: `${url}${dashboard.prefix ?? ''}/` }
}

export function makeTasks (t: Test): string {
  const dir = join(makeDirectory(t), 'tasks')
  mkdirSync(dir, { recursive: true })
  return dir
}
