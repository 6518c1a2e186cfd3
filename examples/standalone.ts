/**
 * A server with the dashboard, and a processor: everything that is needed to try fastify-tasks, or to run it on one machine.
 *
 * Every client that can reach this server can run any command as the user that runs it. The processor allows that with
 * `--allow-any-command`; a production setup has a policy instead.
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

const USAGE = `Usage: node --import=tsx examples/standalone.ts [options]

A server with the dashboard, and a processor that runs any command.

Options, or environment variables:
  --port   PORT       port of the server. Default: 3000
  --host   HOST       address that the server listens on. Default: 127.0.0.1; any other address requires a token
  --dir    TASKS_DIR  directory of the tasks. Default: ./tasks
  --token  TOKEN      token that every client must send. Default: none
  --help
`

/** Time for a client to send the headers of a request, and all of it. Streams are answers, which may take any time. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const LOOPBACK = ['localhost', '127.0.0.1', '::1']
/** npm forwards a Ctrl-C that the terminal has sent to this process too: signals within this time, in ms, count as one. */
const SAME_SIGNAL_MS = 300
/** Time that the server waits, after the processor has exited, until it has read the final status of all tasks. */
const FINAL_STATUS_MS = 1000
const FINAL_STATUS_CHECK_MS = 50

const HostError = createError<[string]>('STANDALONE_HOST', 'This server does not accept the host name "%s". Use localhost, 127.0.0.1 or [::1].', 421)
const OriginError = createError<[string]>('STANDALONE_ORIGIN', 'Pages of %s must not use this server.', 403)
const TokenError = createError('STANDALONE_TOKEN', 'The token is missing or wrong. Send "Authorization: Bearer TOKEN"; in a browser, open /?token=TOKEN once.', 401)

interface Settings {
  readonly host: string
  readonly port: number
  readonly dir: string
  readonly token: string
}

function readSettings (): Settings {
  const option = { type: 'string' } as const
  const { values } = parseArgs({ options: { port: option, host: option, dir: option, token: option, help: { type: 'boolean' } } })
  if (values.help === true) {
    console.log(USAGE)
    process.exit()
  }
  const { PORT, HOST, TASKS_DIR, TOKEN } = process.env
  // an empty variable counts as unset
  const port = values.port ?? (PORT || '3000')
  const host = values.host ?? (HOST || LOOPBACK[1]!)
  const token = values.token ?? TOKEN ?? ''
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new Error(`The port must be a number from 0 to 65535, not "${port}".`)
  if (!LOOPBACK.includes(host) && token === '') {
    throw new Error(`Every client that reaches ${host} could run commands. Set a token (TOKEN or --token), or listen on 127.0.0.1.`)
  }
  return { host, port: Number(port), dir: resolve(values.dir ?? (TASKS_DIR || 'tasks')), token }
}

/** Rejects requests without the token, and requests of web pages of other sites. */
function protect (app: FastifyInstance, { host, token }: Settings): void {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(token)
  const isToken = (given = '') => timingSafeEqual(digest(given), expected)
  const names = LOOPBACK.includes(host) ? /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i : /./
  app.addHook('onRequest', async ({ headers, socket, url }, reply) => {
    // DNS rebinding: another site can point a name of its own at 127.0.0.1; the Host header then contains that name
    if (!names.test(headers.host ?? '')) throw new HostError(headers.host ?? '')
    // CORS: browsers send a POST without a body (a cancellation) without asking first, but they name the page's origin
    const { origin } = headers
    if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== headers.host) throw new OriginError(origin)
    if (token === '' || isToken(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1])) return
    // the dashboard's requests carry a cookie; browsers send it to all ports of a host, so its name contains the port
    const cookie = `fastify-tasks-token-${socket.localPort}`
    if (isToken(cookieValue(cookie, headers.cookie))) return
    const [path, query] = url.split('?', 2)
    if (path === '/' && isToken(new URLSearchParams(query).get('token') ?? undefined)) {
      return await reply.header('set-cookie', `${cookie}=${encodeURIComponent(token)}; HttpOnly; SameSite=Lax; Path=/`).redirect('/')
    }
    reply.header('www-authenticate', 'Bearer')
    throw new TokenError()
  })
}

function cookieValue (name: string, header = ''): string | undefined {
  const value = header.split(/; */).find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
  try {
    return value && decodeURIComponent(value)
  } catch {
    return undefined
  }
}

async function main (): Promise<void> {
  const settings = readSettings()
  const { host, port, dir } = settings
  const app = Fastify({
    logger: { level: 'warn' },
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Node.js swaps the two limits if this one, by default a minute, is the larger one
    http: { headersTimeout: HEADERS_TIMEOUT_MS }
  })
  protect(app, settings)
  await app.register(tasksPlugin, { dir })
  await app.register(tasksDashboard)
  // before the processor: if the port is in use, no processor is started
  const url = await app.listen({ host, port })
  printInstructions(url, settings)
  const processor = startProcessor(dir)
  closeOnSignals(app, processor)
}

function printInstructions (origin: string, { dir, token }: Settings): void {
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

/** Quotes an argument for a shell. */
function quote (text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

interface RunningProcessor {
  /** Terminates its commands; the second call kills them. */
  stop (): void
  /** Resolves when it has exited. */
  readonly exited: Promise<unknown>
}

/** Starts the processor as a separate program, so that a crash of one side leaves the other side running. */
function startProcessor (dir: string): RunningProcessor {
  const program = fileURLToPath(new URL('cli/index.js', import.meta.resolve('fastify-tasks')))
  const args = [program, 'process', dir, '--allow-any-command']
  // in its own process group, so that the terminal does not send it a Ctrl-C that this process forwards
  const env = { ...process.env }
  // commands get the environment of the processor
  delete env.TOKEN
  const processor = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  let isStopping = false
  const exited = once(processor, 'exit').then(([code, signal]) => {
    if (isStopping) return
    console.error(`The processor exited (${signal ?? `exit code ${code}`}). The server keeps running; queued tasks wait for a processor:\n` +
      `  node ${args.map(quote).join(' ')}`)
  }, (error: Error) => console.error(`The processor could not be started: ${error.message}`))
  return {
    stop () {
      isStopping = true
      processor.kill('SIGTERM')
    },
    exited
  }
}

/** The first signal stops the processor and closes the server; the second one kills the commands that still run. */
function closeOnSignals (app: FastifyInstance, processor: RunningProcessor): void {
  let stoppingSince: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now()
      if (stoppingSince === undefined) {
        stoppingSince = now
        close(app, processor).catch(fail)
      } else if (now - stoppingSince > SAME_SIGNAL_MS) {
        processor.stop()
      }
    })
  }
}

async function close (app: FastifyInstance, processor: RunningProcessor): Promise<void> {
  const running = async () => (await app.tasks.list({ status: ['running'] })).tasks
  const tasks = await running()
  console.log(tasks.length === 0 ? 'Stopping.' : 'Stopping. Press Ctrl-C again to kill the commands that are still running:')
  for (const { id, command } of tasks) console.log(`  ${id} ${command}`)
  processor.stop()
  // the server closes last, so that its clients receive the final status of the tasks
  await processor.exited
  const deadline = performance.now() + FINAL_STATUS_MS
  while (performance.now() < deadline && (await running()).length > 0) await sleep(FINAL_STATUS_CHECK_MS)
  await app.close()
}

function fail (error: NodeJS.ErrnoException): never {
  console.error(error.code === 'EADDRINUSE' ? `The port is in use: ${error.message}. Choose another one with --port.` : error.message)
  process.exit(1)
}

main().catch(fail)
