import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer, startedWith } from './child.ts'

/** Baseline for GET /:id/log: a stream of the file, piped to the response. */
const { path } = startedWith<{ path: string }>()
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': statSync(path).size })
  createReadStream(path).pipe(response)
})
await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
answer({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, {})
