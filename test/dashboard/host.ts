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
  /** URL of the dashboard, with a slash at its end. */
  readonly url: string
}

interface HostOptions {
  readonly dir?: string
  readonly port?: number
  readonly tasks?: Partial<TasksPluginOptions>
  readonly dashboard?: TasksDashboardOptions
  readonly server?: FastifyServerOptions
  /** Registers the host's own plugins first. */
  readonly before?: (app: FastifyInstance) => unknown
}

/** A host with the tasks plugin and the dashboard of the built package, as a user would write it. */
export async function startHost (t: Test, { dir = makeTasks(t), port = 0, tasks = {}, dashboard = {}, server = {}, before }: HostOptions = {}): Promise<Host> {
  const app = Fastify({ forceCloseConnections: true, ...server })
  t.teardown(() => app.close())
  await before?.(app)
  await app.register(tasksPlugin, { dir, ...tasks } as TasksPluginOptions)
  await app.register(tasksDashboard, dashboard)
  const url = await app.listen({ port, host: '127.0.0.1' })
  return { app, dir, url: `${url}${dashboard.prefix ?? ''}/` }
}

/** An empty tasks directory, inside a directory that the test may use. */
export function makeTasks (t: Test): string {
  const dir = join(makeDirectory(t), 'tasks')
  mkdirSync(dir, { recursive: true })
  return dir
}

/** Plugin options of an API that requires a login, and the switch that logs the user out and in. */
export function loginRequired (): { readonly login: { isLoggedIn: boolean }, readonly tasks: Partial<TasksPluginOptions> } {
  const login = { isLoggedIn: true }
  return {
    login,
    tasks: {
      onRequest: async (_request, reply) => {
        if (!login.isLoggedIn) return await reply.code(401).send({ statusCode: 401, code: 'HOST_LOGIN', error: 'Unauthorized', message: 'Log in.' })
      }
    }
  }
}
