import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import ts from 'typescript'
import { temporaryDirectory } from './helpers.ts'
import { enqueue, makeDirectory, makeStateDirectory, readLogOf, untilEnded } from './processor/fixtures.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Installs the packed package in a new directory, with the dependencies of this one. */
async function install (t: { teardown (work: () => unknown): void }): Promise<string> {
  const host = await temporaryDirectory(t)
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', host], { cwd: ROOT })
  const [{ filename }] = JSON.parse(stdout)
  const installed = join(host, 'node_modules', 'fastify-tasks')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(host, filename), '-C', installed, '--strip-components=1'])
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    await symlink(join(ROOT, 'node_modules', name), join(host, 'node_modules', name))
  }
  return host
}

const HOST_PROGRAM = `
const app = Fastify()
app.register(tasksPlugin, { dir: 'tasks' })
app.register(tasksDashboard, { prefix: '/page' })
app.inject({ method: 'POST', url: '/api/tasks', payload: { command: 'true' } }).then(async (response) => {
  const page = await app.inject('/page/')
  console.log(typeof tasksPlugin, response.statusCode, response.json().status, page.statusCode)
  await app.close()
})
`

const STRICT_HOST = `
import compress from '@fastify/compress'
import { fastifySSE } from '@fastify/sse'
import Fastify, { type FastifyInstance } from 'fastify'
import dashboard, { type TasksDashboardOptions } from 'fastify-tasks/dashboard'
import plugin, { tasksPlugin, DirectoryStore, errors, type ListedTasks, type LogRange, type SearchResult, type Task, type TaskAction, type TasksHealth, type TasksPluginOptions, type TaskStore } from 'fastify-tasks'

const app: FastifyInstance = Fastify()
const store: TaskStore = new DirectoryStore('tasks')

app.register(compress)
app.register(dashboard, { prefix: '/page', api: '../api/tasks' })
// @ts-expect-error no such option
app.register(dashboard, { apis: '/api/tasks' } satisfies TasksDashboardOptions)
app.register(plugin, { dir: 'tasks' })
app.register(tasksPlugin, { store, prefix: '/public', readOnly: true, maxClients: 1, clientBufferBytes: 1 })
app.register(tasksPlugin, {
  dir: 'tasks',
  onRequest: async (request) => {
    const action: TaskAction | undefined = request.routeOptions.config.tasks?.action
    if (action === 'delete') throw new errors.FST_TASKS_NOT_FOUND('task_1_a')
  }
})
// @ts-expect-error neither
app.register(tasksPlugin, {})
// @ts-expect-error both
app.register(tasksPlugin, { dir: 'tasks', store })
// @ts-expect-error a bare string
app.register(tasksPlugin, 'tasks')
// @ts-expect-error no such option
app.register(tasksPlugin, { dir: 'tasks', readonly: true })
// @ts-expect-error undefined is no directory
const options: TasksPluginOptions = { dir: undefined }

app.tasks.on('task.log', (event) => {
  const offset: number = event.offset
  const truncated: true | undefined = event.truncated
  return [offset, truncated]
})
app.tasks.on('task.upsert', ({ task }) => task.command.length)
// @ts-expect-error no such event
app.tasks.on('task.logs', () => {})

app.register(fastifySSE)
app.get('/mine', { sse: { kind: 'only', heartbeat: false } }, async (_request, reply) => {
  await reply.taskEvents({ where: (task) => task.type === 'mine' && task.exitCode === null })
})

export async function use (): Promise<string | null> {
  const { task, created } = await app.tasks.create({ command: 'true', config: { any: ['value'] } })
  for await (const bytes of app.tasks.followLog(task.id)) bytes.subarray(1)
  // @ts-expect-error a command is a string
  await app.tasks.create({ command: 5 })
  const log: LogRange | undefined = await app.tasks.readLog(task.id, { start: 1, end: 2 })
  log?.body.destroy()
  const { matches, next }: SearchResult = await app.tasks.searchLog(task.id, 'error', { before: log?.size ?? 0, limit: 10 })
  const page: ListedTasks = await app.tasks.list({ status: ['running'], limit: 1 })
  const found: Task | undefined = await app.tasks.get(page.tasks[0]?.id ?? task.id)
  const { feed }: TasksHealth = await app.tasks.health()
  if (next === null && matches.length === 0 && feed.dropped === 0) await app.tasks.delete(task.id, { force: true })
  // @ts-expect-error the JSON text stays inside the store
  found?.json.trim()
  return created ? task.errorMessage : options.prefix ?? null
}
`

const STRICT_PAGE = `
import { TasksClient, TasksError, type Health, type LogPiece, type Task, type TaskType } from 'fastify-tasks/client'

const client = new TasksClient(new URL('/api/tasks', location.href), { headers: async () => ({ authorization: 'Bearer x' }) })

export async function use (signal: AbortSignal): Promise<Task | undefined> {
  const { task, created } = await client.create({ command: 'true', config: { any: ['value'] } }, { signal })
  // @ts-expect-error a command is a string
  await client.create({ command: 5 })
  // @ts-expect-error no such state
  await client.list({ status: ['paused'] })
  const result = await client.cancel(task.id)
  if (result.outcome === 'cancelled') document.title = result.task.command
  const following = client.followLog(task.id, { position: 5 })
  const next = await following.next()
  const piece: LogPiece | string | null = next.done === true ? next.value.status : next.value
  for await (const change of client.watch({ logs: [task.id] })) {
    if (change.type === 'log') document.body.append(new TextDecoder().decode(change.bytes))
    if (change.type === 'snapshot') document.title = String(change.tasks.length)
  }
  const health: Health = await client.health()
  const types: TaskType[] = (await client.types()).types
  const log = await client.readLog(task.id, { tail: 10 })
  await log?.body.cancel()
  return created && piece !== null && health.processorAlive && types[0]?.title !== '' ? await client.get(task.id) : undefined
}

export const isGone = (error: unknown): boolean => error instanceof TasksError && error.statusCode === 404
`

/** What the snippets of the documents refer to without declaring it. */
const SNIPPET_GLOBALS = `
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Task as ClientTask } from 'fastify-tasks/client'

declare global {
  const app: FastifyInstance
  const tasksPlugin: typeof import('fastify-tasks').default
  const tasksDashboard: typeof import('fastify-tasks/dashboard').default
  const fastifySSE: typeof import('@fastify/sse').fastifySSE
  const cors: typeof import('@fastify/cors').default
  const TasksClient: typeof import('fastify-tasks/client').TasksClient
  const client: import('fastify-tasks/client').TasksClient
  const task: ClientTask
  const id: string
  class ForbiddenError extends Error {}
  function isOperator (request: FastifyRequest): boolean
  function requireLogin (request: FastifyRequest): Promise<void>
  function getToken (): Promise<string>
  function append (...what: unknown[]): void
  function render (...what: unknown[]): void
  function clear (): void
}
`

/** The documents of users that contain code. */
const DOCUMENTS = ['README.md', 'lib/routes/HTTP.md', 'lib/client/README.md', 'lib/dashboard/README.md']

/** Writes each snippet of the documents as a module. @returns the names of the files */
async function writeSnippets (host: string): Promise<string[]> {
  await writeFile(join(host, 'globals.mts'), SNIPPET_GLOBALS)
  const files = ['globals.mts']
  for (const document of DOCUMENTS) {
    const text = await readFile(join(ROOT, document), 'utf8')
    for (const [index, [, snippet]] of [...text.matchAll(/```(?:ts|js)\n([^]*?)```/g)].entries()) {
      const name = `${document.replaceAll('/', '-')}-${index + 1}.mts`
      await writeFile(join(host, name), `export {}\n${snippet}`)
      files.push(name)
    }
  }
  return files
}

const BUNDLED_HOST = `
import Fastify from 'fastify'
import tasksPlugin, { errors } from 'fastify-tasks'
import tasksDashboard from 'fastify-tasks/dashboard'

const app = Fastify()
app.register(tasksPlugin, { dir: 'tasks', logLevel: 'warn' })
app.register(tasksDashboard, { prefix: '/tasks', logLevel: 'warn' })

export async function cancel (id: string): Promise<number> {
  try {
    await app.tasks.cancel(id)
    return 200
  } catch (error) {
    if (error instanceof errors.FST_TASKS_NOT_ACTIVE || error instanceof errors.FST_TASKS_NOT_FOUND) return error.statusCode
    throw error
  }
}
// @ts-expect-error the id is missing
export const missing = new errors.FST_TASKS_NOT_FOUND()
`

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    rootDir: '.',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true
  },
  files: ['host.mts', 'host.cts']
}

t.test('the packed package', async (t) => {
  const host = await install(t)

  t.test('the tarball contains exactly the published files', async (t) => {
    const names = await readdir(join(host, 'node_modules/fastify-tasks'))
    t.strictSame(names.sort(), ['LICENSE', 'README.md', 'dist', 'examples', 'lib', 'package.json'])
  })

  t.test('the package works in an ESM host', async (t) => {
    await writeFile(join(host, 'host.mjs'), `import Fastify from 'fastify'\nimport tasksPlugin from 'fastify-tasks'\nimport tasksDashboard from 'fastify-tasks/dashboard'\n${HOST_PROGRAM}`)
    t.equal((await run(process.execPath, ['host.mjs'], { cwd: host })).stdout, 'function 201 queued 200\n')
  })

  t.test('the package works in a CommonJS host', async (t) => {
    await writeFile(join(host, 'host.cjs'), `const Fastify = require('fastify')\nconst tasksPlugin = require('fastify-tasks')\nconst tasksDashboard = require('fastify-tasks/dashboard')\n${HOST_PROGRAM}`)
    const { stdout } = await run(process.execPath, ['host.cjs'], { cwd: host })
    t.equal(stdout, 'function 201 queued 200\n')
  })

  t.test('the package contains the program', async (t) => {
    const program = join(host, 'node_modules/fastify-tasks/dist/cli/index.js')
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
    t.equal((await run(process.execPath, [program, '--version'])).stdout, `${version}\n`)
  })

  t.test('the package runs a command, with the programs of its wrappers', async (t) => {
    const program = join(host, 'node_modules/fastify-tasks/dist/cli/index.js')
    const dir = makeDirectory(t)
    const child = execFile(process.execPath, [program, 'process', dir, '--allow-any-command', '--state-dir', makeStateDirectory(t)])
    t.teardown(() => child.kill())
    const id = await enqueue(dir, { command: 'echo installed' })
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
    t.equal(await readLogOf(dir, id), 'installed\n')
  })

  t.test('the types, and the snippets of the documents, compile in a strict TypeScript host', async (t) => {
    await writeFile(join(host, 'host.mts'), STRICT_HOST)
    await writeFile(join(host, 'host.cts'), "import tasksPlugin = require('fastify-tasks')\nimport Fastify = require('fastify')\n" +
      "Fastify.fastify().register(tasksPlugin, { dir: 'tasks' })\n")
    const snippets = await writeSnippets(host)
    t.ok(snippets.length > 10, `${snippets.length} snippets`)
    await writeFile(join(host, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, files: [...TSCONFIG.files, ...snippets] }))
    const { stdout } = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', host]).catch((error) => error)
    t.equal(stdout, '')
  })

  t.test('the types compile in a host that resolves modules like a bundler, and its errors narrow', async (t) => {
    await writeFile(join(host, 'bundled.ts'), BUNDLED_HOST)
    const { compilerOptions } = TSCONFIG
    await writeFile(join(host, 'bundled.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler' }, files: ['bundled.ts'] }))
    const { stdout } = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(host, 'bundled.json')]).catch((error) => error)
    t.equal(stdout, '')
  })

  t.test('the client\'s types compile in a strict page without the types of Node.js', async (t) => {
    await writeFile(join(host, 'page.ts'), STRICT_PAGE)
    const { compilerOptions } = TSCONFIG
    await writeFile(join(host, 'page.json'), JSON.stringify({
      compilerOptions: { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'], types: [] },
      files: ['page.ts']
    }))
    const { stdout } = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(host, 'page.json')]).catch((error) => error)
    t.equal(stdout, '')
  })
})

interface Imports {
  /** Files of the package. */
  readonly files: string[]
  /** With the modules of Node.js. */
  readonly packages: string[]
}

/** The imports of a file; in `lib/` they include imports of types. */
async function importsOf (file: string): Promise<Imports> {
  const { importedFiles } = ts.preProcessFile(await readFile(file, 'utf8'))
  const names = importedFiles.map(({ fileName }) => fileName)
  return {
    files: names.filter((name) => /^\..*\.[jt]sx?$/.test(name)).map((name) => join(dirname(file), name)),
    packages: names.filter((name) => !name.startsWith('.'))
  }
}

/** Follows the imports of some files. @returns the packages that each reached file imports */
async function walk (entries: string[]): Promise<Map<string, string[]>> {
  const seen = new Map<string, string[]>()
  const next = [...entries]
  for (let file = next.pop(); file !== undefined; file = next.pop()) {
    if (seen.has(file)) continue
    const { files, packages } = await importsOf(file)
    seen.set(file, packages)
    next.push(...files)
  }
  return seen
}

async function filesIn (dir: string, extension: string): Promise<string[]> {
  const names = await readdir(join(ROOT, dir), { recursive: true })
  return names.filter((name) => name.endsWith(extension)).map((name) => join(ROOT, dir, name))
}

t.test('the processor and the program never load fastify', async (t) => {
  const entries = [...await filesIn('dist/processor', '.js'), ...await filesIn('dist/cli', '.js')]
  t.not(entries.length, 0)
  for (const [file, packages] of await walk(entries)) {
    t.strictSame(packages.filter((name) => /fastify|chokidar/.test(name)), [], relative(ROOT, file))
  }
})

t.test('a processor without a policy file loads no package, so that it starts fast and takes few descriptors', async (t) => {
  const packages = [...(await walk([join(ROOT, 'dist/processor/processor.js')])).values()].flat()
  t.strictSame(packages.filter((name) => !name.startsWith('node:')), [])
})

t.test('the client loads one small parser, and nothing of Node.js', async (t) => {
  const packages = [...(await walk([join(ROOT, 'dist/client/index.js')])).values()].flat()
  t.strictSame(packages, ['eventsource-parser'])
})

t.test('every module of lib/ is imported by an entry file', async (t) => {
  const entries = ['index.ts', 'cli/index.ts', 'client/index.ts', 'dashboard/index.ts', 'dashboard/page/main.tsx', 'dashboard/page/feed/worker.ts']
  const used = await walk(entries.map((name) => join(ROOT, 'lib', name)))
  const files = [...await filesIn('lib', '.ts'), ...await filesIn('lib', '.tsx')].filter((file) => !file.endsWith('.d.ts'))
  const unused = files.filter((file) => !used.has(file))
  t.strictSame(unused.map((file) => relative(ROOT, file)), [])
})
