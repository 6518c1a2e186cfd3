import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastifySSE } from '@fastify/sse'
import { createChannel, createSession } from 'better-sse'
import Fastify, { type FastifyReply } from 'fastify'
import { answerBroadcasts } from './broadcast.ts'
import { startedWith } from './child.ts'
import type { Piece } from './source.ts'

type Emit = (piece: Piece) => void

/** Other ways to send an event to all clients, each used as its documentation shows, without keep-alives. */
const peers: Record<string, () => Promise<{ port: number, emit: Emit }>> = {
  'plain res.write': async () => {
    const clients = new Set<ServerResponse>()
    const port = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: ready\ndata: {}\n\n')
      clients.add(response)
    })
    const emit: Emit = (piece) => {
      const frame = Buffer.from(`id: ${piece.offset}\nevent: task.log\ndata: ${JSON.stringify(piece)}\n\n`)
      for (const response of clients) response.write(frame)
    }
    return { port, emit }
  },
  '@fastify/sse': async () => {
    const clients = new Set<FastifyReply>()
    const app = Fastify()
    await app.register(fastifySSE)
    app.get('/events', { sse: { kind: 'only', heartbeat: false } }, async (_request, reply) => {
      reply.sse.keepAlive()
      await reply.sse.send({ event: 'ready', data: {} })
      clients.add(reply)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const emit: Emit = (piece) => {
      for (const { sse } of clients) sse.send({ id: `${piece.offset}`, event: 'task.log', data: piece }).catch(() => {})
    }
    return { port: (app.server.address() as AddressInfo).port, emit }
  },
  'better-sse': async () => {
    const channel = createChannel()
    const port = await listen(async (request, response) => {
      const session = await createSession(request, response, { keepAlive: null })
      session.push({}, 'ready')
      channel.register(session)
    })
    return { port, emit: (piece) => channel.broadcast(piece, 'task.log', { eventId: `${piece.offset}` }) }
  }
}

async function listen (listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return (server.address() as AddressInfo).port
}

const { port, emit } = await peers[startedWith<{ peer: string }>().peer]!()
answerBroadcasts(port, emit)
