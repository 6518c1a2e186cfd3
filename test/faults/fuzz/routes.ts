import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { healthOf } from '../../helpers.ts'
import type { Random } from '../../random.ts'
import { withDeadline } from '../../with-deadline.ts'
import { mutate } from './bytes.ts'
import type { FuzzedServer } from './fuzzed-server.ts'
import { frames, streams } from './http2.ts'
import type { Lane, Step } from './lanes.ts'
import { randomRequest, type RandomRequest } from './requests.ts'

/** Above this number of tasks, they are deleted. */
const MAX_TASKS = 300

/** Random requests to all routes: by HTTP/1.1, by HTTP/2, and as bytes on a socket. */
export function routeSteps (server: FuzzedServer): Record<string, Step> {
  let ids: readonly string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  const ask: Step = async (lane) => {
    const wanted = randomRequest(lane.random, ids)
    lane.note(describe(wanted))
    await askOnce(lane, server, agent, wanted)
  }
  return {
    requests1: ask,
    requests2: ask,
    requests3: ask,
    sockets1: async (lane) => await onSocket(lane, server, ids),
    sockets2: async (lane) => await onSocket(lane, server, ids),
    streams1: async (lane) => await streams(lane, server.url2, () => randomRequest(lane.random, ids)),
    streams2: async (lane) => await streams(lane, server.url2, () => randomRequest(lane.random, ids)),
    frames: async (lane) => await frames(lane, server.url2),
    // a plain client gets its answers meanwhile
    health: async ({ pause }) => {
      const { tasks } = await withDeadline(healthOf(server.url), () => server.exit) as { tasks?: number }
      if (typeof tasks !== 'number') throw new Error('health has no number of tasks')
      await pause(20)
    },
    tasks: async ({ pause }) => {
      ids = (await withDeadline(server.page('?limit=500'), () => server.exit)).tasks.map(({ id }) => id)
      if (ids.length > MAX_TASKS) for (const id of ids) await (await fetch(`${server.url}/${id}?force=1`, { method: 'DELETE' })).arrayBuffer()
      await pause(200)
    }
  }
}

function describe ({ method, path, headers, body }: RandomRequest): string {
  return `${method} ${path} ${JSON.stringify(headers)} ${body?.length ?? 'no'} bytes: ${body?.toString('latin1', 0, 60)}`
}

/** Sends a request that is valid HTTP. The answer must come, and be well formed, unless the client leaves before. */
async function askOnce (lane: Lane, { port }: FuzzedServer, agent: Agent, { method, path, headers, body }: RandomRequest): Promise<void> {
  const { random } = lane
  // a body without a length in its head is sent in chunks
  const sized = body !== undefined && random.below(3) > 0
  const sent = request({ port, host: '127.0.0.1', agent, method, path: encodePath(path), setHost: true })
  sent.on('error', () => {})
  // between two requests, an error of the connection has no other listener
  sent.once('socket', (socket) => { if (!sent.reusedSocket) socket.on('error', () => {}) })
  for (const [name, value] of headers) if (!['connection', 'upgrade', 'te'].includes(name)) sent.setHeader(name, value)
  if (sized) sent.setHeader('content-length', body.length)
  const leaves = random.below(10) === 0
  const answered = leaves ? lane.pause(random.below(20)) : readAnswer(sent, method)
  if (body === undefined) sent.end()
  else if (random.below(20) === 0) await sendSlowly(lane, sent, body)
  else sent.end(body)
  await withDeadline(answered, () => 'no answer')
  // an answer that ended leaves the connection to the next request
  if (leaves || !sent.reusedSocket) sent.destroy()
}

async function sendSlowly ({ random, pause }: Lane, sent: ClientRequest, body: Buffer): Promise<void> {
  const piece = Math.max(1, Math.ceil(body.length / (1 + random.below(10))))
  for (let at = 0; at < body.length && !sent.destroyed; at += piece) {
    sent.write(body.subarray(at, at + piece))
    await pause(random.below(5))
  }
  sent.end()
}

/** Resolves when the answer has ended or the server has closed the connection, or has begun if it is a stream. */
async function readAnswer (sent: ClientRequest, method: string): Promise<void> {
  const response = await new Promise<IncomingMessage | undefined>((resolve) => {
    sent.once('response', resolve)
    sent.once('close', () => resolve(undefined))
  })
  if (response === undefined) return
  const { statusCode = 0, headers: { 'content-type': type = '' } } = response
  if (type.startsWith('text/event-stream') || response.headers['content-length'] === undefined) {
    response.resume()
    sent.destroy()
    return
  }
  const parts: Buffer[] = []
  response.on('data', (part: Buffer) => parts.push(part))
  await new Promise<void>((resolve) => { response.once('close', resolve) })
  if (!response.complete || method === 'HEAD') return
  const text = Buffer.concat(parts).toString()
  // a strict health answers 503 with its usual body
  const isError = statusCode >= 400 && text !== '' && !sent.path.includes('/_meta/health')
  if (isError) checkError(statusCode, JSON.parse(text))
  else if (type.startsWith('application/json') && statusCode !== 304) JSON.parse(text)
}

function checkError (status: number, { statusCode, error, message }: Record<string, unknown>): void {
  if (statusCode !== status || typeof error !== 'string' || typeof message !== 'string') throw new Error(`${status} answered with ${JSON.stringify({ statusCode, error, message })}`)
}

/** What is not allowed in the head of a request of Node.js's client. */
function encodePath (path: string): string {
  return path.replaceAll(/[^!-~]/g, encodeURIComponent)
}

/** Requests as bytes: several at once, changed, slow, cut, and never read. */
async function onSocket (lane: Lane, { port }: FuzzedServer, ids: readonly string[]): Promise<void> {
  const { random, pause } = lane
  const wanted = Array.from({ length: 1 + random.below(5) }, () => randomRequest(random, ids))
  lane.note(wanted.map(describe).join(' | ').slice(0, 190))
  let bytes: Buffer = Buffer.concat(wanted.map((each) => toBytes(random, each)))
  if (random.below(2) === 0) bytes = mutate(random, bytes)
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  if (random.below(3) > 0) socket.resume()
  const piece = random.below(4) === 0 ? Math.ceil(bytes.length / (1 + random.below(20))) + 1 : bytes.length + 1
  for (let at = 0; at < bytes.length && !socket.destroyed; at += piece) {
    socket.write(bytes.subarray(at, at + piece))
    if (piece <= bytes.length) await pause(random.below(10))
  }
  if (random.below(3) === 0) socket.end()
  await pause(random.below(50))
  if (random.below(2) === 0 && !socket.connecting && !socket.destroyed) socket.resetAndDestroy()
  else socket.destroy()
}

function toBytes (random: Random, { method, path, headers, body }: RandomRequest): Buffer {
  const lines = [`${method} ${path} HTTP/1.${random.below(10) === 0 ? 0 : 1}`]
  if (random.below(10) > 0) lines.push('host: 127.0.0.1')
  lines.push(...headers.map(([name, value]) => `${name}: ${value}`))
  const framing = random.below(10)
  if (body !== undefined && framing < 8) lines.push(`content-length: ${framing === 0 ? random.pick([0, 1, body.length + 5, -1, '1e3', '']) : body.length}`)
  const chunked = body !== undefined && framing > 6
  if (chunked) lines.push('transfer-encoding: chunked')
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (body === undefined) return head
  if (!chunked) return Buffer.concat([head, body])
  return Buffer.concat([head, Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
}
