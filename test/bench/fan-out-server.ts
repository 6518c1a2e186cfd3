import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { tasksPlugin, type TaskEvent, type TaskStore } from 'fastify-tasks'
import { answer, cpu, startedWith } from './child.ts'

/** Unsent bytes for one client past which no more is emitted: all of it shall arrive. */
const ROOM = 128 * 1024
const text = 'x'.repeat(1023)

const clients = new Set<ServerResponse>()
let emit: (number: number) => void
const { kind } = startedWith<{ kind: 'feed' | 'plain' }>()

answer({ port: await (kind === 'feed' ? startFeed() : startPlain()) }, {
  cpu,
  clients: () => clients.size,
  /** One event in each turn of the event loop, as fast as the slowest client takes them. */
  emit: async (count: number) => {
    for (let number = 0; number < count;) {
      if ([...clients].every((client) => client.writableLength < ROOM)) emit(number++)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
})

async function startFeed (): Promise<number> {
  const listeners = new Set<(event: TaskEvent) => void>()
  emit = (number) => { for (const listener of listeners) listener(logEvent(number)) }
  const store: Partial<TaskStore> = {
    open: async () => {},
    close: async () => {},
    list: async () => ({ tasks: [], lastEventId: 'bench-0' }),
    subscribe: (listener) => {
      // a key of its own: plugin and feed each subscribe
      const subscriber = (event: TaskEvent) => listener(event)
      listeners.add(subscriber)
      return () => { listeners.delete(subscriber) }
    }
  }
  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => { keep(reply.raw) })
  await app.register(tasksPlugin, { store: store as TaskStore })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

async function startPlain (): Promise<number> {
  const server = createServer((_request, response) => {
    keep(response)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 1000\n\n')
  })
  emit = (number) => {
    const { type, eventId, taskId: id, offset, end, chunk } = logEvent(number)
    const frame = Buffer.from(`id: ${eventId}\nevent: ${type}\ndata: ${JSON.stringify({ id, offset, end, chunk })}\n\n`)
    for (const response of clients) response.write(frame)
  }
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return (server.address() as AddressInfo).port
}

let eventNumber = 0

/** `~` stands once in each: that is what the clients count. */
function logEvent (number: number): Extract<TaskEvent, { type: 'task.log' }> {
  return {
    type: 'task.log',
    eventId: `bench-${++eventNumber}`,
    taskId: 'task_1_bench',
    offset: number * 1024,
    end: (number + 1) * 1024,
    chunk: `~${text}`
  }
}

function keep (response: ServerResponse): void {
  clients.add(response)
  response.on('close', () => clients.delete(response))
}
