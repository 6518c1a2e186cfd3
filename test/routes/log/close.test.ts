import { once } from 'node:events'
import { appendFile, readdir, writeFile } from 'node:fs/promises'
import { connect, constants, type ClientHttp2Session } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { tasksPlugin } from '../../../lib/index.ts'
import { putTask, temporaryDirectory, untilClients, waitFor } from '../../helpers.ts'
import { download, ID, MIB, openFiles, openLogEvents, startTaskServer, turns, untilNoOpenFiles } from './fixtures.ts'

t.test('a closing server cuts the connections of followers, and ends event streams', async (t) => {
  const { app, task } = await startTaskServer(t, 'x\n')
  const raw = await download(t, `${task}/log?follow=true`)
  await raw.until((text) => text === 'x\n')
  const stream = await openLogEvents(t, task)
  await stream.find(() => true)
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 900, `${performance.now() - started} ms`)
  t.equal(await raw.end, 'cut', 'a complete response would mean that the task has finished')
  await waitFor(() => stream.closed)
  t.match([stream.response.complete, stream.messages.length], [true, 1])
})

t.test('a closing server does not wait for clients that do not read', async (t) => {
  const { app, task } = await startTaskServer(t, Buffer.alloc(50 * MIB, 'x'))
  const raw = await download(t, `${task}/log?follow=true`, { read: false })
  const stream = await openLogEvents(t, task)
  stream.pause()
  await (await fetch(`${task}/log`)).arrayBuffer()
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 3000, `${performance.now() - started} ms`)
  raw.read()
  t.equal(await raw.end, 'cut')
})

/** The warnings about descriptors that only the garbage collection has closed. */
function collectedDescriptors (t: Test): string[] {
  const warnings: string[] = []
  const onWarning = ({ message }: Error) => { if (message.includes('garbage collection')) warnings.push(message) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  return warnings
}

/** Number of streaming clients. */
async function clientsOf (app: FastifyInstance): Promise<number> {
  return (await app.tasks.health()).sseClients
}

const PATHS = ['/log?follow=true', '/log/events']

/** A request over HTTP/2. */
class Http2Request {
  readonly stream
  text = ''
  /** It ended with an error code. */
  isCut = false
  readonly closed: Promise<unknown>

  constructor (session: ClientHttp2Session, path: string) {
    this.stream = session.request({ ':path': `/api/tasks/${ID}${path}` })
    this.closed = once(this.stream, 'close').catch(() => {})
    this.stream.setEncoding('utf8')
    this.stream.on('data', (text: string) => { this.text += text })
    this.stream.on('error', () => { this.isCut = true })
  }
}

interface Http2Server {
  readonly dir: string
  readonly app: FastifyInstance
  readonly session: ClientHttp2Session
  readonly untilNoClients: () => Promise<void>
}

async function startHttp2 (t: Test, log = 'one\n'): Promise<Http2Server> {
  const dir = await temporaryDirectory(t)
  await putTask(dir, ID, { status: 'running' })
  await writeFile(join(dir, `${ID}.log`), log)
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  const session = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
  t.teardown(() => session.destroy())
  const untilNoClients = async () => await waitFor(async () => await clientsOf(app) === 0, { timeout: 3000, every: 1, describe: () => app.tasks.health() })
  return { dir, app, session, untilNoClients }
}

async function startFollowers (session: ClientHttp2Session): Promise<Http2Request[]> {
  const clients = PATHS.map((path) => new Http2Request(session, path))
  await waitFor(() => clients.every(({ text }) => text.includes('one')), { every: 1, describe: () => clients.map(({ text }) => text) })
  return clients
}

const RESETS = [['CANCEL', constants.NGHTTP2_CANCEL], ['NO_ERROR', constants.NGHTTP2_NO_ERROR]] as const

for (const [name, code] of RESETS) {
  t.test(`HTTP/2 clients that reset their streams with ${name} release their slots and files`, async (t) => {
    const { dir, session, untilNoClients } = await startHttp2(t, 'one\n'.repeat(MIB))
    const collected = collectedDescriptors(t)
    for (const { stream } of await startFollowers(session)) stream.close(code)
    for (let count = 0; count < 30; count++) {
      const clients = [...PATHS, '/log', '/log?tail=9999999', '/log/search?q=nothing'].map((path) => new Http2Request(session, path))
      if (count % 2 === 0) await once(clients.at(-3)!.stream, 'response')
      else await turns(count)
      for (const { stream } of clients) stream.close(code)
    }
    await untilNoClients()
    await untilNoOpenFiles(dir)
    t.strictSame(collected, [])
  })
}

t.test('clients that disconnect while their requests are pipelined release their slots and files', async (t) => {
  const { app, task, url, dir } = await startTaskServer(t, Buffer.alloc(30 * MIB, 'line\n'))
  for (const path of [`${task}/log`, ...PATHS.map((path) => `${task}${path}`), `${url}/events`]) {
    const { hostname, port, pathname, search } = new URL(path)
    const client = connectSocket(Number(port), hostname)
    client.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`.repeat(20))
    await waitFor(async () => Math.max(await openFiles(dir), await clientsOf(app)) === 20, { every: 1, describe: async () => [await openFiles(dir), await clientsOf(app)] })
    client.destroy()
    await untilClients(url, 0)
    await untilNoOpenFiles(dir)
  }
})

/** Number of open descriptors of this process. */
async function descriptors (): Promise<number> {
  return (await readdir('/proc/self/fd')).length
}

t.test('200 followers that come and go over HTTP/1.1 leave no descriptors', async (t) => {
  const { task, path } = await startTaskServer(t, 'one\n')
  const before = await descriptors()
  for (let round = 0; round < 4; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, (_, index) => download(t, `${task}${PATHS[index % 2]}`)))
    await appendFile(path, `round ${round}\n`)
    await Promise.all(clients.map((client) => client.until((text) => text.includes(`round ${round}`))))
    for (const client of clients) client.close()
  }
  await waitFor(async () => await descriptors() <= before, { describe: async () => [before, await descriptors()] })
})

t.test('200 followers that come and go over HTTP/2 leave no descriptors', async (t) => {
  const { session, dir, untilNoClients } = await startHttp2(t)
  for (const { stream } of await startFollowers(session)) stream.close(constants.NGHTTP2_CANCEL)
  await untilNoClients()
  await untilNoOpenFiles(dir)
  const before = await descriptors()
  for (let round = 0; round < 4; round++) {
    const clients = (await Promise.all(Array.from({ length: 25 }, () => startFollowers(session)))).flat()
    await appendFile(join(dir, `${ID}.log`), `round ${round}\n`)
    await waitFor(() => clients.every(({ text }) => text.includes(`round ${round}`)), { every: 1, describe: () => clients.map(({ text }) => text) })
    for (const { stream } of clients) stream.close(constants.NGHTTP2_CANCEL)
  }
  await untilNoClients()
  await waitFor(async () => await descriptors() <= before, { describe: async () => [before, await descriptors()] })
})

t.test('a closing server cuts followers over HTTP/2 with an error code', async (t) => {
  const { app, session } = await startHttp2(t)
  const [raw] = await startFollowers(session)
  await app.close()
  await raw!.closed
  t.equal(raw!.isCut, true, 'a complete response would mean that the task has finished')
})
