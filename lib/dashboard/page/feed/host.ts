import { TasksClient, TasksError, type LiveTasks, type TasksChange } from '../../../client/index.ts'
import type { FeedMessage, FeedRequest, FeedState, TaskChange } from './messages.ts'

/** Changes that arrive within this time are sent to the pages in one message. */
const BATCH_MS = 30

/** Keeps one list of tasks and one connection to the feed for all pages of a browser. */
export class FeedHost {
  readonly #live: LiveTasks
  readonly #ports = new Set<MessagePort>()
  #state: FeedState = { type: 'connecting' }
  /** The iteration in progress; undefined while no page is open or after a rejection. */
  #iteration: AsyncGenerator<TasksChange, void, undefined> | undefined
  #isListed = false
  #batch: TaskChange[] = []
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
    if (this.#isListed) send({ type: 'snapshot', tasks: this.#live.list() })
    send(this.#state)
    if (this.#iteration === undefined) this.#connect()
  }

  #leave (port: MessagePort): void {
    this.#ports.delete(port)
    if (this.#ports.size > 0) return
    // no pages left; the next one resumes from here
    this.#iteration?.return().catch(() => {})
    this.#iteration = undefined
  }

  /** Connects immediately, also during the delay before a retry. */
  #connect (): void {
    const previous = this.#iteration
    this.#setState({ type: 'connecting' })
    const iteration = this.#live[Symbol.asyncIterator]()
    this.#iteration = iteration
    // LiveTasks allows one consumer at a time
    Promise.resolve(previous?.return()).then(() => this.#consume(iteration)).catch((error: unknown) => {
      if (this.#iteration !== iteration) return
      this.#iteration = undefined
      const statusCode = error instanceof TasksError ? error.statusCode : undefined
      this.#setState({ type: 'rejected', statusCode, message: error instanceof Error ? error.message : String(error) })
    })
  }

  async #consume (iteration: AsyncGenerator<TasksChange, void, undefined>): Promise<void> {
    for await (const change of iteration) {
      if (change.type === 'snapshot') {
        this.#batch = []
        this.#isListed = true
        this.#broadcast({ type: 'snapshot', tasks: change.tasks })
      } else if (change.type === 'upsert' || change.type === 'deleted') {
        this.#batch.push(change)
        this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS)
      } else if (change.type === 'connected') this.#setState({ type: 'connected' })
      else if (change.type === 'disconnected') this.#setState({ type: 'disconnected', retryMs: change.retryMs })
    }
  }

  #flush (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#batch.length === 0) return
    const changes = this.#batch
    this.#batch = []
    this.#broadcast({ type: 'changes', changes })
  }

  #setState (state: FeedState): void {
    this.#state = state
    this.#broadcast(state)
  }

  #broadcast (message: FeedMessage): void {
    for (const port of this.#ports) port.postMessage(message)
  }
}
