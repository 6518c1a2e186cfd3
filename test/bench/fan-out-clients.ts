import { connect, type Socket } from 'node:net'
import { answer } from './child.ts'

const sockets: Socket[] = []
let missing = 0
let done: () => void = () => {}

/** Clients that do no more than count the events: what is measured is the server. */
answer({}, {
  connect: async ({ port, count }: { port: number, count: number }) => {
    for (let index = 0; index < count; index++) {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      await new Promise<void>((resolve) => { socket.once('connect', resolve) })
      socket.write('GET /api/tasks/events HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n\r\n')
      await new Promise<void>((resolve) => { socket.once('data', () => resolve()) })
      socket.on('data', countEvents)
    }
  },
  /** Resolves when all clients together have received as many more. */
  receive: async (events: number) => {
    missing += events
    if (missing > 0) await new Promise<void>((resolve) => { done = resolve })
  },
  disconnect: () => { for (const socket of sockets.splice(0)) socket.destroy() }
})

function countEvents (bytes: Buffer): void {
  for (let index = bytes.indexOf(0x7e); index !== -1; index = bytes.indexOf(0x7e, index + 1)) missing--
  if (missing <= 0) done()
}
