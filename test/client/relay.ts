import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Answers itself (true), or lets the server answer. */
export type Interference = (asked: IncomingMessage, answer: ServerResponse) => boolean

/** What stands between a client and its server, and does not always do what it should. */
export async function startRelay (t: { teardown (work: () => unknown): void }, serverUrl: string, interfere: Interference): Promise<string> {
  const { port, hostname, pathname } = new URL(serverUrl)
  const relay = createServer((asked, answer) => {
    if (interfere(asked, answer)) return
    const forwarded = request({ port, hostname, path: asked.url, method: asked.method, headers: asked.headers, agent: false }, (answered) => {
      answer.writeHead(answered.statusCode!, answered.headers)
      answered.on('error', () => answer.destroy())
      answered.pipe(answer)
    })
    forwarded.on('error', () => answer.destroy())
    answer.on('close', () => forwarded.destroy())
    asked.pipe(forwarded)
  })
  t.teardown(() => {
    relay.close()
    relay.closeAllConnections()
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  return `http://127.0.0.1:${(relay.address() as AddressInfo).port}${pathname}`
}
