import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { withDeadline } from '../with-deadline.ts'

const PROGRAM = fileURLToPath(new URL('server.mjs', import.meta.url))

/** A server process that can be killed and restarted, behind a TCP relay that can cut connections. */
export class FaultyServer {
  readonly #dir: string
  readonly #connections = new Set<Socket>()
  readonly #relay = createServer((client) => this.#connect(client))
  #process: ChildProcess | undefined
  #port = 0

  constructor (dir: string) {
    this.#dir = dir
  }

  async start (): Promise<void> {
    this.#relay.listen(0, '127.0.0.1')
    await once(this.#relay, 'listening')
    await this.run()
  }

  /** The URL of the relay, which stays the same after a restart of the server. */
  get url (): string {
    return `http://127.0.0.1:${(this.#relay.address() as AddressInfo).port}/api/tasks`
  }

  async run (): Promise<void> {
    this.#process = spawn(process.execPath, [PROGRAM, this.#dir], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } })
    const exited = once(this.#process, 'exit').then(([code]) => { throw new Error(`The server exited with code ${code} before it printed its port.`) })
    const [line] = await withDeadline(Promise.race([once(this.#process.stdout!, 'data'), exited]), () => 'no port of the server')
    this.#port = Number(line)
  }

  async kill (): Promise<void> {
    const exited = once(this.#process!, 'exit')
    this.#process!.kill('SIGKILL')
    await exited
    this.#port = 0
  }

  /** Cuts connections at arbitrary bytes. */
  cut (chosen: () => boolean = () => true): void {
    for (const socket of this.#connections) {
      if (!chosen()) continue
      // removed first: a reset of a connection that is being closed fails, and Node.js would then neither close it nor exit
      this.#connections.delete(socket)
      if (socket.writableEnded) socket.destroy()
      else socket.resetAndDestroy()
    }
  }

  async stop (): Promise<void> {
    this.#relay.close()
    this.cut()
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill()
  }

  #connect (client: Socket): void {
    const server = connect(this.#port, '127.0.0.1')
    this.#connections.add(client)
    client.pipe(server).pipe(client)
    client.on('error', () => {})
    client.on('close', () => {
      this.#connections.delete(client)
      server.destroy()
    })
    server.on('error', () => {})
    server.on('close', () => { if (this.#connections.has(client)) client.destroy() })
  }
}
