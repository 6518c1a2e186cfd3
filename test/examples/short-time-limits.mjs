// Preloaded into a server: its time limits for requests are a hundredth of what it sets, and are checked often, so that a
// test need not wait for them.
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'

const { createServer } = http

http.createServer = (options, listener) => {
  const server = createServer({ ...options, connectionsCheckingInterval: 20 }, listener)
  for (const name of ['headersTimeout', 'requestTimeout']) {
    let limit = server[name]
    Object.defineProperty(server, name, { get: () => limit / 100, set: (ms) => { limit = ms } })
  }
  return server
}
syncBuiltinESMExports()
