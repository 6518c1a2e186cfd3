import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { answer } from './child.ts'

export interface Churning {
  readonly url: string
  /** Speaks HTTP/2. */
  readonly http2: boolean
  readonly paths: readonly string[]
  readonly count: number
}

const AT_ONCE = 200
const STREAMS_OF_A_SESSION = 20
/** CANCEL and NO_ERROR */
const CODES = [8, 0]

answer({}, {
  churn: async ({ url, http2, paths, count }: Churning) => {
    for (let done = 0; done < count; done += AT_ONCE) {
      const wanted = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => ({ path: paths[index % paths.length]!, way: Math.floor(index / paths.length) }))
      if (http2) await overHttp2(url, wanted)
      else await Promise.all(wanted.map(async ({ path, way }) => await overHttp1(Number(new URL(url).port), path, way)))
    }
  }
})

/** A client that leaves after the first bytes of its stream. @param way how it leaves */
async function overHttp1 (port: number, path: string, way: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  // some ask for a second stream, which waits behind the first one
  const requests = way % 4 === 3 ? 2 : 1
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream, text/plain\r\n\r\n`.repeat(requests))
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.once('data', (head) => {
      if (!head.toString('latin1').startsWith('HTTP/1.1 200')) reject(new Error(head.toString('latin1', 0, 200)))
      socket.once('close', resolve)
      if (way % 3 === 0) socket.resetAndDestroy()
      else if (way % 3 === 1) socket.destroy()
      else socket.end().resume()
    })
  })
}

async function overHttp2 (url: string, wanted: ReadonlyArray<{ path: string, way: number }>): Promise<void> {
  for (let at = 0; at < wanted.length; at += STREAMS_OF_A_SESSION) {
    const session = connectHttp2(url)
    await Promise.all(wanted.slice(at, at + STREAMS_OF_A_SESSION).map(async ({ path, way }) => await oneStream(session, path, way)))
    const closed = new Promise((resolve) => session.once('close', resolve))
    session.destroy()
    await closed
  }
}

async function oneStream (session: ClientHttp2Session, path: string, way: number): Promise<void> {
  const stream = session.request({ ':path': path, accept: 'text/event-stream, text/plain' })
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject)
    stream.once('response', ({ ':status': status }) => {
      if (status !== 200) reject(new Error(`${path} answered ${status}`))
      // the session's end takes the others with it
      if (way % 3 === 2) resolve()
      else stream.once('close', resolve).close(CODES[way % 3]!)
    })
  })
  stream.on('error', () => {})
}
