import { TasksClient, TasksError, type LiveTasks, type TasksChange, type TaskSummary } from '../../../client/index.ts'
import type { ChangeMessage, FeedMessage, FeedRequest, FeedState } from './messages.ts'
import { taskText } from './task-text.ts'

/** Changes that arrive within this time are sent to the pages in one message. */
const BATCH_MS = 30

type Iteration = AsyncGenerator<TasksChange<TaskSummary>, void, undefined>

/** Keeps one list of tasks and one connection to the feed for all pages of a browser. */
export class FeedHost {
  readonly #live: LiveTasks<TaskSummary>
  readonly #ports = new Set<MessagePort>()
  #state: FeedState = { type: 'connecting' }
  /** The iteration in progress; undefined while no page is open or after a rejection. */
  #iteration: Iteration | undefined
  #isListed = false
  #batch: ChangeMessage[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor (api: string) {
    this.#live = new TasksClient(api, { minDelayMs: 500, maxDelayMs: 10_000 }).watch({ summary: true })
  }

  join (port: MessagePort): void {
    // the snapshot for the new port already includes these changes
    this.#flush()
    this.#ports.add(port)
    port.onmessage = ({ data }: MessageEvent<FeedRequest>) => this.#answer(port, data)
    this.#welcome(port)
    if (this.#iteration === undefined) this.#connect()
  }

  #answer (port: MessagePort, { type }: FeedRequest): void {
    if (type === 'leave') this.#leave(port)
    else if (type === 'retry') this.#connect()
    else this.#welcome(port)
  }

  /** Sends the list and the state. */
  #welcome (port: MessagePort): void {
    this.#flush()
    if (this.#isListed) this.#send([port], this.#snapshot())
    this.#send([port], this.#state)
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
      this.#setState(rejection(error))
    })
  }

  async #consume (iteration: Iteration): Promise<void> {
    for await (const change of iteration) {
      if (change.type === 'snapshot') {
        this.#batch = []
        this.#isListed = true
        this.#send(this.#ports, this.#snapshot())
      } else if (change.type === 'upsert') this.#add({ type: 'upsert', task: taskText(change.task) })
      else if (change.type === 'deleted') this.#add(change)
      else if (change.type === 'connected') this.#setState({ type: 'connected' })
      else if (change.type === 'disconnected') this.#setState({ type: 'disconnected', retryMs: change.retryMs })
    }
  }

  #add (change: ChangeMessage): void {
    this.#batch.push(change)
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS)
  }

  #flush (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#batch.length === 0) return
    const changes = this.#batch
    this.#batch = []
    this.#send(this.#ports, { type: 'changes', changes })
  }

  #snapshot (): FeedMessage {
    return { type: 'snapshot', tasks: this.#live.list().map(taskText) }
  }

  #setState (state: FeedState): void {
    this.#state = state
    this.#send(this.#ports, state)
  }

  #send (ports: Iterable<MessagePort>, message: FeedMessage): void {
    for (const port of ports) send(port, message)
  }
}

/** A page for which a message is lost must not show an old list as if it were live. */
function send (port: MessagePort, message: FeedMessage): void {
  try {
    port.postMessage(message)
  } catch (error) {
    port.postMessage({ type: 'lost', reason: messageOf(error) } satisfies FeedMessage)
  }
}

function rejection (error: unknown): FeedState {
  const statusCode = error instanceof TasksError ? error.statusCode : undefined
  const hint = statusCode === 400 ? ' The server may be of an older version than this page.' : ''
  return { type: 'rejected', statusCode, message: `${messageOf(error)}${hint}` }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
