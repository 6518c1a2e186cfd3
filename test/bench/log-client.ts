import { connect } from 'node:net'
import { answer } from './child.ts'
import { checkLog } from './log-lines.ts'

/** Fetches and checks a whole log by HTTP, with so little CPU time that the server is the bottleneck. */
answer({}, {
  /** @returns ms */
  get: async ({ url, bytes }: { url: string, bytes: number }) => {
    const started = performance.now()
    const { hostname: host, port, pathname } = new URL(url)
    await new Promise<void>((resolve, reject) => {
      const buffer = Buffer.alloc(256 * 1024)
      let [inBody, position] = [false, 0]
      const read = (length: number): boolean => {
        let from = 0
        if (!inBody) {
          const head = buffer.toString('latin1', 0, length)
          from = head.indexOf('\r\n\r\n') + 4
          if (from === 3 || !head.startsWith('HTTP/1.1 200')) reject(new Error(head))
          inBody = true
        }
        checkLog(buffer.subarray(from, length), position)
        position += length - from
        if (position === bytes) resolve()
        return true
      }
      const socket = connect({ host, port: Number(port), onread: { buffer, callback: read } })
      socket.on('error', reject)
      socket.on('close', () => reject(new Error(`The response ended after ${position} bytes`)))
      socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    })
    return performance.now() - started
  }
})
