import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { TasksClient, type TasksClientOptions } from '../../lib/client/index.ts'
import type { TasksPluginOptions } from '../../lib/index.ts'
import { putTask, startServer, temporaryDirectory } from '../helpers.ts'
import { startRelay, type Interference } from './relay.ts'

/** Short delays between attempts. */
export const BACKOFF = { minDelayMs: 1, maxDelayMs: 20 }

export interface ClientOfServer {
  readonly dir: string
  /** URL of the server's routes, without the relay. */
  readonly url: string
  readonly client: TasksClient
}

export interface FixtureOptions {
  readonly client?: TasksClientOptions
  readonly server?: Pick<TasksPluginOptions, 'maxClients' | 'onRequest'>
  /** Puts a relay between the client and the server. */
  readonly interfere?: Interference
  /** The log of the running task. */
  readonly log?: string | Buffer
}

/** A client of a server with one running task, `task_1_a`. */
export async function clientWithTask (t: Test, { log, ...options }: FixtureOptions = {}): Promise<ClientOfServer> {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  if (log !== undefined) await writeFile(join(dir, 'task_1_a.log'), log)
  return await clientOf(t, dir, options)
}

/** A client of a server without tasks. */
export async function emptyClient (t: Test, options: FixtureOptions = {}): Promise<ClientOfServer> {
  return await clientOf(t, await temporaryDirectory(t), options)
}

async function clientOf (t: Test, dir: string, { client = BACKOFF, server = {}, interfere }: FixtureOptions): Promise<ClientOfServer> {
  // otherwise closing the server waits for idle connections of `fetch`
  const { url } = await startServer(t, { ...server, dir }, { forceCloseConnections: true })
  const base = interfere === undefined ? url : await startRelay(t, url, interfere)
  return { dir, url, client: new TasksClient(base, client) }
}

export async function textOf (body: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(body).text()
}
