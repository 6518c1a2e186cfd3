import { TasksClient, TasksError, type TasksChange } from '../../../client/index.ts'
import type { Change, Connection, FeedMessage, FeedRequest } from './messages.ts'

/** Changes that come within so many ms go to the pages together. */
const TOGETHER_MS = 30

/** The one copy of the tasks, and the one connection, of all the pages of a browser. */
export class FeedHost {
  readonly #live
  readonly #ports = new Set<MessagePort>()
  #connection: Connection = { type: 'connecting' }
  #running: AsyncGenerator<TasksChange, void, undefined> | undefined
  #listed = false
  #changes: Change[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor (api: string) {
    this.#live = new TasksClient(api, { minDelayMs: 500, maxDelayMs: 10_000 }).watch()
  }

  join (port: MessagePort): void {
    // the snapshot for the new port already includes these changes
    this.#flush()
    this.#ports.add(port)
    port.onmessage = ({ data }: MessageEvent<FeedRequest>) => {
      if (data.type === 'leave') this.#leave(port)
      else this.#connect()
    }
    const send = (message: FeedMessage) => port.postMessage(message)
    if (this.#listed) send({ type: 'snapshot', tasks: this.#live.list() })
    send(this.#connection)
    if (this.#running === undefined) this.#connect()
  }

  #leave (port: MessagePort): void {
    this.#ports.delete(port)
    if (this.#ports.size > 0) return
    // no pages left; the next one resumes from here
    this.#running?.return().catch(() => {})
    this.#running = undefined
  }

  /** Now, whatever it waits for. */
  #connect (): void {
    const before = this.#running
    this.#tell({ type: 'connecting' })
    const running = this.#live[Symbol.asyncIterator]()
    this.#running = running
    // one at a time takes the changes
    Promise.resolve(before?.return()).then(() => this.#take(running)).catch((error: unknown) => {
      if (this.#running !== running) return
      this.#running = undefined
      const { message } = error as Error
      this.#tell({ type: 'refused', statusCode: error instanceof TasksError ? error.statusCode : undefined, message })
    })
  }

  async #take (running: AsyncGenerator<TasksChange, void, undefined>): Promise<void> {
    for await (const change of running) {
      if (change.type === 'snapshot') {
        this.#changes = []
        this.#listed = true
        this.#broadcast({ type: 'snapshot', tasks: change.tasks })
      } else if (change.type === 'upsert' || change.type === 'deleted') {
        this.#changes.push(change)
        this.#timer ??= setTimeout(() => this.#flush(), TOGETHER_MS)
      } else if (change.type === 'connected') this.#tell({ type: 'connected' })
      else if (change.type === 'disconnected') this.#tell({ type: 'disconnected', retryMs: change.retryMs })
    }
  }

  #flush (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#changes.length === 0) return
    const changes = this.#changes
    this.#changes = []
    this.#broadcast({ type: 'changes', changes })
  }

  #tell (connection: Connection): void {
    this.#connection = connection
    this.#broadcast(connection)
  }

  #broadcast (message: FeedMessage): void {
    for (const port of this.#ports) port.postMessage(message)
  }
}
