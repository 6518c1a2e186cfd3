import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { forward } from '../forward.ts'

export interface StrippingProxy {
  /** URL of the prefix, with a slash at its end. */
  readonly url: string
  /** Paths outside the prefix that were requested. */
  readonly strays: string[]
  /** Forwards requests to this origin from now on. */
  forwardTo (origin: string): void
}

/** A reverse proxy that serves `/foo/…` from the `/…` of a server, and nothing else. */
export async function startStrippingProxy (t: Test, prefix = '/foo'): Promise<StrippingProxy> {
  const strays: string[] = []
  let target = new URL('http://127.0.0.1')
  const proxy = createServer((incoming, response) => {
    const { url = '' } = incoming
    if (!url.startsWith(`${prefix}/`)) {
      strays.push(url)
      response.writeHead(404).end()
      return
    }
    forward(incoming, response, { port: target.port, hostname: target.hostname, path: url.slice(prefix.length) })
  })
  t.teardown(() => {
    proxy.close()
    proxy.closeAllConnections()
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}/`
  return { url, strays, forwardTo: (origin) => { target = new URL(origin) } }
}
