import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { forward } from '../forward.ts'

/**
 * Called for each request that arrives at a relay.
 * @returns true if it handles the request itself, false to forward it to the server
 */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean

/** Starts an HTTP relay in front of a server. It closes after the test. */
export async function startRelay (t: { teardown (work: () => unknown): void }, serverUrl: string, interfere: Interference): Promise<string> {
  const { port, hostname, pathname } = new URL(serverUrl)
  const relay = createServer((incoming, response) => {
    if (interfere(incoming, response)) return
    forward(incoming, response, { port, hostname, path: incoming.url })
  })
  t.teardown(() => {
    relay.close()
    relay.closeAllConnections()
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  return `http://127.0.0.1:${(relay.address() as AddressInfo).port}${pathname}`
}
