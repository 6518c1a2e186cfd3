import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import type { Random } from '../../random.ts'
import { mutate, randomBytes } from './bytes.ts'
import type { Lane } from './lanes.ts'
import type { RandomRequest } from './requests.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** Headers that HTTP/2 does not allow, or that its client sets itself. */
const CONNECTION_HEADERS = ['connection', 'upgrade', 'te', 'expect', 'host']

/** Streams of one session: some are reset, some are not read, some have no end. The session ends in different ways. */
export async function streams (lane: Lane, url: string, next: () => RandomRequest): Promise<void> {
  const { random, pause } = lane
  const session = connectHttp2(url, { settings: { initialWindowSize: random.pick([0, 1, 1000, 65_535, 1e6]) } }).on('error', () => {})
  try {
    for (let count = 1 + random.below(30); count > 0 && !session.closed && !session.destroyed; count--) {
      const wanted = next()
      lane.note(`${wanted.method} ${wanted.path} ${wanted.body?.length ?? 'no'} bytes`)
      open(random, session, wanted)
      if (random.below(3) === 0) await pause(random.below(10))
    }
    if (random.below(5) === 0) session.ping(() => {})
    await pause(random.below(40))
  } finally {
    if (random.below(3) === 0) session.close()
    await pause(random.below(5))
    session.destroy()
  }
}

function open (random: Random, session: ClientHttp2Session, { method, path, headers, body }: RandomRequest): void {
  const fields: Record<string, string> = Object.create(null)
  for (const [name, value] of headers) if (!CONNECTION_HEADERS.includes(name)) fields[name] = value
  const stream = session.request({ ...fields, ':method': method, ':path': path }, { endStream: body === undefined }).on('error', () => {})
  if (random.below(4) > 0) stream.resume()
  if (body !== undefined) {
    if (random.below(4) === 0) stream.write(body.subarray(0, random.below(body.length + 1)))
    else stream.end(body)
  }
  reset(random, stream)
}

function reset (random: Random, stream: ClientHttp2Stream): void {
  // CANCEL, NO_ERROR, REFUSED_STREAM and others
  const code = random.pick([8, 0, 7, 1, 11, 2])
  const when = random.below(4)
  if (when === 0) stream.close(code)
  // not in the event: Node.js calls nghttp2 again then while it reads, which corrupts memory (nodejs/node#65093)
  else if (when === 1) stream.once('response', () => setImmediate(() => stream.close(code)))
  else if (when === 2) setTimeout(() => { stream.close(code) }, random.below(30))
}

/** Frames as bytes: of all types, with random flags, lengths and content. */
export async function frames (lane: Lane, url: string): Promise<void> {
  const { random, pause } = lane
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {}).resume()
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {})
  const parts = [PREFACE, frame(4, 0, 0, Buffer.alloc(0))]
  for (let count = random.below(40), id = 1; count > 0; count--, id += random.pick([0, 2, 2, 2, 4])) parts.push(randomFrame(random, id))
  const bytes = Buffer.concat(parts)
  lane.note(`${bytes.length} bytes of frames: ${bytes.toString('hex', 24, 100)}`)
  socket.write(random.below(3) === 0 ? mutate(random, bytes) : bytes)
  await pause(random.below(30))
  socket.destroy()
}

function randomFrame (random: Random, id: number): Buffer {
  return random.pick([
    () => frame(1, random.pick([4, 5, 5, 5, 0, 37]), id, requestHead(random)),
    () => Buffer.concat([frame(1, 5, id, requestHead(random)), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]),
    () => frame(0, random.below(2), id, randomBytes(random, random.below(200))),
    () => frame(3, 0, id, Buffer.from([0, 0, 0, random.below(20)])),
    () => frame(4, random.below(2), random.pick([0, 0, id]), Buffer.from([0, random.below(8), ...randomBytes(random, 4)])),
    () => frame(6, random.below(2), 0, randomBytes(random, random.pick([8, 8, 7]))),
    () => frame(8, 0, random.pick([0, id]), randomBytes(random, 4)),
    () => frame(9, random.pick([0, 4]), id, randomBytes(random, random.below(100))),
    () => frame(random.below(14), random.below(256), random.pick([0, id, id + 1, 2 ** 30]), randomBytes(random, random.below(60)))
  ])()
}

/** The head of a GET request, in HPACK's static table and literals. */
function requestHead (random: Random): Buffer {
  const path = Buffer.from(random.pick(['/api/tasks', '/api/tasks/events', '/api/tasks/task_1_a/log?follow=true', '/api/tasks?limit=1', '/%']))
  return Buffer.concat([Buffer.from([0x82, 0x86, 0x41, 1, 0x78, 0x44, path.length]), path])
}

function frame (type: number, flags: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}
