import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, constants, type ClientHttp2Session } from 'node:http2'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { tasksPlugin } from '../../../lib/index.ts'
import { putTask, temporaryDirectory, waitFor } from '../../helpers.ts'
import { download, ID, MIB, openLogEvents, startTaskServer, turns } from './fixtures.ts'

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

async function startHttp2 (t: Test): Promise<{ app: FastifyInstance, session: ClientHttp2Session, untilNoClients: () => Promise<void> }> {
  const dir = await temporaryDirectory(t)
  await putTask(dir, ID, { status: 'running' })
  await writeFile(join(dir, `${ID}.log`), 'one\n')
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  const session = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
  t.teardown(() => session.destroy())
  const untilNoClients = async () => await waitFor(async () => (await app.tasks.health()).sseClients === 0, { timeout: 3000, every: 1, describe: () => app.tasks.health() })
  return { app, session, untilNoClients }
}

async function startFollowers (session: ClientHttp2Session): Promise<Http2Request[]> {
  const clients = PATHS.map((path) => new Http2Request(session, path))
  await waitFor(() => clients.every(({ text }) => text.includes('one')), { every: 1, describe: () => clients.map(({ text }) => text) })
  return clients
}

t.test('HTTP/2 clients that end or cancel their streams release their slots', async (t) => {
  const { session, untilNoClients } = await startHttp2(t)
  for (const { stream } of await startFollowers(session)) stream.close()
  await untilNoClients()
  for (let count = 0; count < 20; count++) {
    const clients = PATHS.map((path) => new Http2Request(session, path))
    await turns(count)
    for (const { stream } of clients) stream.close(constants.NGHTTP2_CANCEL)
  }
  await untilNoClients()
})

t.test('a closing server cuts followers over HTTP/2 with an error code', async (t) => {
  const { app, session } = await startHttp2(t)
  const [raw] = await startFollowers(session)
  await app.close()
  await raw!.closed
  t.equal(raw!.isCut, true, 'a complete response would mean that the task has finished')
})
