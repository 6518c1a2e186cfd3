/**
 * A server with its page and a processor beside it: all that is needed to try fastify-tasks, or to run it on one machine.
 *
 * Options (or environment): --port (PORT) 3000, --host (HOST) 127.0.0.1, --dir (TASKS_DIR) ./tasks, --token (TOKEN) none.
 */
import { spawn } from 'node:child_process'
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import createError from '@fastify/error'
import Fastify, { type FastifyInstance } from 'fastify'
import tasksPlugin from 'fastify-tasks'
import tasksDashboard from 'fastify-tasks/dashboard'

const LOOPBACK = ['localhost', '127.0.0.1', '::1']
/** npm passes a Ctrl-C on to who has got it from the terminal already: two signals so close are one. */
const SAME_SIGNAL_MS = 300

const HostError = createError<[string]>('STANDALONE_HOST', 'This server does not answer as %s: use localhost, 127.0.0.1 or [::1].', 421)
const OriginError = createError<[string]>('STANDALONE_ORIGIN', 'Pages of %s may not use this server.', 403)
const TokenError = createError('STANDALONE_TOKEN', 'Send the token: "Authorization: Bearer TOKEN"; in a browser, open /?token=TOKEN once.', 401)

interface Settings {
  readonly host: string
  readonly port: number
  readonly dir: string
  readonly token: string
}

function readSettings (): Settings {
  const option = { type: 'string' } as const
  const { values } = parseArgs({ options: { port: option, host: option, dir: option, token: option } })
  const { PORT, HOST, TASKS_DIR, TOKEN } = process.env
  // an empty variable counts as none
  const port = values.port ?? (PORT || '3000')
  const host = values.host ?? (HOST || LOOPBACK[1]!)
  const token = values.token ?? TOKEN ?? ''
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new Error(`The port must be a number up to 65535, not "${port}".`)
  if (!LOOPBACK.includes(host) && token === '') {
    throw new Error(`Whoever reaches ${host} could run commands here: give a token (TOKEN or --token), or bind to 127.0.0.1.`)
  }
  return { host, port: Number(port), dir: resolve(values.dir ?? (TASKS_DIR || 'tasks')), token }
}

/** Who may use this server: no web page of another site, whatever name it gives this machine, and none without the token. */
function guard (app: FastifyInstance, { host, token }: Settings): void {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(token)
  const isToken = (given = '') => timingSafeEqual(digest(given), expected)
  const names = LOOPBACK.includes(host) ? /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i : /./
  app.addHook('onRequest', async ({ headers, socket, url }, reply) => {
    // a page can point a name of its own at 127.0.0.1 (DNS rebinding); the name then stands here
    if (!names.test(headers.host ?? '')) throw new HostError(headers.host ?? 'nobody')
    // a POST without a body (a cancel) needs no consent in advance, as JSON does; but it tells where it comes from
    const { origin } = headers
    if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== headers.host) throw new OriginError(origin)
    if (token === '' || isToken(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1])) return
    // a browser keeps it, and sends it with what the page asks for; to all ports of this machine, so its name tells them apart
    const cookie = `fastify-tasks-token-${socket.localPort}`
    if (isToken(valueOf(cookie, headers.cookie))) return
    const [path, query] = url.split('?', 2)
    if (path === '/' && isToken(new URLSearchParams(query).get('token') ?? undefined)) {
      return await reply.header('set-cookie', `${cookie}=${encodeURIComponent(token)}; HttpOnly; SameSite=Lax; Path=/`).redirect('/')
    }
    reply.header('www-authenticate', 'Bearer')
    throw new TokenError()
  })
}

function valueOf (cookie: string, header = ''): string | undefined {
  const value = header.split(/; */).find((pair) => pair.startsWith(`${cookie}=`))?.slice(cookie.length + 1)
  try {
    return value && decodeURIComponent(value)
  } catch {
    return undefined
  }
}

async function main (): Promise<void> {
  const settings = readSettings()
  const { host, port, dir } = settings
  const app = Fastify({ logger: { level: 'warn' }, forceCloseConnections: true })
  guard(app, settings)
  await app.register(tasksPlugin, { dir })
  await app.register(tasksDashboard)
  // first the port: where it is taken, no processor is started
  const url = await app.listen({ host, port })
  greet(url, settings)
  runProcessor(app, dir)
}

function greet (origin: string, { dir, token }: Settings): void {
  const url = `${origin}/api/tasks`
  const curl = token === '' ? 'curl' : 'curl -H "authorization: Bearer $TOKEN"'
  console.log(`
Page:  ${origin}/${token === '' ? '' : '?token=$TOKEN'}
Tasks: ${url}
Files: ${dir}

  run something     ${curl} -H 'content-type: application/json' -d '{"command": "for i in 1 2 3; do date; sleep 1; done"}' ${url}
  list the tasks    ${curl} ${url}
  watch the feed    ${curl} -N ${url}/events
  read a log        ${curl} ${url}/ID/log
  follow a log      tail -f ${dir}/ID.log
`)
}

/** For a shell. */
function quote (text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** The processor is a program of its own: a crash of one side leaves the other running. */
function runProcessor (app: FastifyInstance, dir: string): void {
  const program = fileURLToPath(new URL('cli/index.js', import.meta.resolve('fastify-tasks')))
  const args = [program, 'process', dir, '--allow-any-command']
  // in a group of its own, so that a Ctrl-C reaches it from here alone
  const processor = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const ended = once(processor, 'exit')
  let stoppingSince: number | undefined
  ended.then(([code, signal]) => {
    if (stoppingSince !== undefined) return
    console.error(`The processor ended (${signal ?? `exit code ${code}`}). The server goes on; queued tasks wait for a processor:\n` +
      `  node ${args.map(quote).join(' ')}`)
  }, (error: Error) => console.error(`The processor could not be started: ${error.message}`))

  const running = async () => (await app.tasks.list({ status: ['running'] })).tasks
  const stop = async () => {
    const tasks = await running()
    console.log(tasks.length === 0 ? 'Stopping.' : 'Stopping; Ctrl-C again kills at once what is still running:')
    for (const { id, command } of tasks) console.log(`  ${id} ${command}`)
    processor.kill('SIGTERM')
    // the server last, so that whoever watches sees how the tasks end
    await ended.catch(() => {})
    for (let looks = 0; looks < 20 && (await running()).length > 0; looks++) await sleep(50)
    await app.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      if (stoppingSince !== undefined) {
        if (now - stoppingSince > SAME_SIGNAL_MS) processor.kill('SIGTERM')
        return
      }
      stoppingSince = now
      stop().catch(fail)
    })
  }
}

function fail (error: NodeJS.ErrnoException): never {
  console.error(error.code === 'EADDRINUSE' ? `The port is in use: ${error.message}. Take another one with --port.` : error.message)
  process.exit(1)
}

main().catch(fail)
