import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { answerBroadcasts } from './broadcast.ts'

interface SSEReply { sse (message: { id: string, event: string, data: string }): void }

/** A separate program, and an import that the compiler does not resolve: its types conflict with those of `@fastify/sse`. */
const { FastifySSEPlugin } = await import('fastify-sse-v2' as string) as { FastifySSEPlugin: FastifyPluginAsync }
const clients = new Set<SSEReply>()
const app = Fastify()
await app.register(FastifySSEPlugin)
app.get('/events', (_request, reply) => {
  const client = reply as unknown as SSEReply
  client.sse({ id: '0', event: 'ready', data: '{}' })
  clients.add(client)
})
await app.listen({ port: 0, host: '127.0.0.1' })
answerBroadcasts((app.server.address() as AddressInfo).port, (piece) => {
  const data = JSON.stringify(piece)
  for (const client of clients) client.sse({ id: `${piece.offset}`, event: 'task.log', data })
})
