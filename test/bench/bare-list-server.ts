import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer, cpu, startedWith } from './child.ts'

/** Baseline for the list: one buffer, sent to each client. */
const { bytes } = startedWith<{ bytes: number }>()
const buffer = Buffer.alloc(bytes, 'x')
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes })
  response.end(buffer)
})
await new Promise<void>((resolve) => { server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve) })
answer({ port: (server.address() as AddressInfo).port }, { cpu })
