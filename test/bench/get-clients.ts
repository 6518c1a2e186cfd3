import { connect } from 'node:net'
import { answer } from './child.ts'

export interface Getting {
  readonly port: number
  readonly path: string
  /** How many clients send the request at the same time. */
  readonly count: number
}

/** Shared by all sockets: nothing looks at the bytes. */
const buffer = Buffer.alloc(1024 * 1024)

answer({}, {
  /** @returns the number of bytes that each client has received */
  get: async ({ port, path, count }: Getting): Promise<number[]> => await Promise.all(Array.from({ length: count }, async () => await get(port, path)))
})

async function get (port: number, path: string): Promise<number> {
  let bytes = 0
  const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback: (length) => { bytes += length; return true } } })
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`)
  await new Promise((resolve, reject) => socket.on('error', reject).once('close', resolve))
  return bytes
}
