import { readdirSync } from 'node:fs'
import type { ServerHttp2Session } from 'node:http2'
import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { tasksPlugin } from 'fastify-tasks'
import { tasksDashboard } from 'fastify-tasks/dashboard'
import { answer, startedWith } from '../../bench/child.ts'
import { PauseMeter, type Pauses } from '../../pauses.ts'

export interface ServerReady {
  /** URL of the server that speaks HTTP/1.1. */
  readonly url: string
  /** URL of the server that speaks HTTP/2, with the same tasks. */
  readonly url2: string
}

/** What went wrong in the server so far, and what it did. */
export interface ServerReport {
  /** Number of answers, by status. */
  readonly answers: Readonly<Record<string, number>>
  /** Answers 5xx that are not documented: the request and the error. */
  readonly failures: readonly string[]
  /** Lines that the host's logger received at level `error` or above. */
  readonly errors: readonly string[]
  /** Warnings of Node.js, such as those about leaks of listeners. */
  readonly warnings: readonly string[]
  readonly pauses: Pauses
  readonly rssMiB: number
  readonly openFiles: number
}

const MAX_KEPT = 20
/** Too many streaming clients or a busy server; no space left. */
const DOCUMENTED = [503, 507]

// An uncaught error ends this process, as it would end a host.
const { dir } = startedWith<{ dir: string }>()
const answers: Record<string, number> = {}
const failures: string[] = []
const errors: string[] = []
const warnings: string[] = []
// Fastify sets `connection: close` for errors of HTTP/2 requests too
process.on('warning', (warning) => { if (warning.name !== 'UnsupportedWarning') keep(warnings, String(warning.stack)) })
const pauses = new PauseMeter()

const log = new Writable({ write (line, _encoding, done) { keep(errors, String(line)); done() } })
const app = await host({ logger: { level: 'error', stream: log } })
await app.register(tasksPlugin, { dir, maxClients: 200, clientBufferBytes: 128 * 1024 })
await app.register(tasksDashboard)
const url = await app.listen({ port: 0, host: '127.0.0.1' })
const app2 = await host({ logger: { level: 'error', stream: log }, http2: true } as FastifyServerOptions)
// Node.js itself keeps the connections of some sessions with invalid frames
app2.server.on('session', (session: ServerHttp2Session) => session.setTimeout(2000, () => session.destroy()))
await app2.register(tasksPlugin, { store: app.tasks.store })
const url2 = await app2.listen({ port: 0, host: '127.0.0.1' })
answer({ url, url2 } satisfies ServerReady, {
  report: (): ServerReport => ({
    answers,
    failures,
    errors,
    warnings,
    pauses: pauses.take(),
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
    openFiles: readdirSync('/proc/self/fd').length
  }),
  close: async () => { await Promise.all([app.close(), app2.close()]) }
})

async function host (options: FastifyServerOptions): Promise<FastifyInstance> {
  const app = Fastify(options)
  app.addHook('onResponse', async ({ method, url }, reply) => {
    answers[reply.statusCode] = (answers[reply.statusCode] ?? 0) + 1
    if (reply.statusCode >= 500 && !DOCUMENTED.includes(reply.statusCode)) keep(failures, `${reply.statusCode} for ${method} ${url.slice(0, 300)}`)
  })
  app.addHook('onError', async ({ method, url }, _reply, error) => {
    const { statusCode = 500 } = error
    if (statusCode >= 500 && !DOCUMENTED.includes(statusCode)) keep(failures, `${error.code} for ${method} ${url.slice(0, 300)}: ${error.stack}`)
  })
  return app
}

function keep (lines: string[], line: string): void {
  if (lines.length < MAX_KEPT) lines.push(line)
}
