import { Fifo } from '../../util/fifo.ts'
import { TimeSlices } from '../../util/time-slices.ts'

/** The part of a task to read again: its task file, its log, or its claim and cancel marker. */
export type RefreshTarget = 'task-file' | 'log' | 'side-files'

/**
 * Reads parts of a task again. It must not reject.
 * @returns the parts that are to be refreshed again immediately
 */
export type Refresh = (id: string, targets: ReadonlySet<RefreshTarget>) => Promise<Iterable<RefreshTarget>>

/** The refreshes of one task. */
interface QueuedTask {
  /** To be read by the next refresh. */
  targets: Set<RefreshTarget>
  /** Called when the next refresh has ended. */
  waiters: Array<() => void>
  phase: 'queued' | 'running'
  /** It is in the high-priority queue. */
  isUrgent: boolean
}

/**
 * Coalescing work queue: turns hints into refreshes. At most one refresh per task at a time; a hint during a refresh
 * causes another one. No debounce, but refreshes start in a later turn of the event loop, and in time slices: the system
 * may report thousands of file events in one turn. Task files take priority over logs, so heavy output never delays status
 * changes.
 */
export class RefreshQueue {
  readonly #refresh: Refresh
  readonly #concurrency: number
  readonly #tasks = new Map<string, QueuedTask>()
  readonly #urgent = new Fifo<string>()
  readonly #logs = new Fifo<string>()
  readonly #slices = new TimeSlices()
  #runningCount = 0
  #isStarting = false
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor (refresh: Refresh, { concurrency = 32 } = {}) {
    this.#refresh = refresh
    this.#concurrency = concurrency
  }

  /** Whether a refresh of this task is queued or running. */
  has (id: string): boolean {
    return this.#tasks.has(id)
  }

  /** Queues a refresh. */
  add (id: string, target: RefreshTarget): void {
    this.#add(id, [target])
  }

  /** Queues a refresh. Resolves when a refresh that started after this call has ended, or immediately after `close`. */
  refresh (id: string, targets: Iterable<RefreshTarget>): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => { this.#add(id, targets).waiters.push(resolve) })
  }

  /** Starts no further refresh; resolves when the last one has ended. */
  async close (): Promise<void> {
    this.#isClosed = true
    for (const { waiters } of this.#tasks.values()) for (const resolve of waiters) resolve()
    if (this.#runningCount > 0) await new Promise<void>((resolve) => { this.#onIdle = resolve })
  }

  #add (id: string, targets: Iterable<RefreshTarget>): QueuedTask {
    let task = this.#tasks.get(id)
    if (task === undefined) {
      task = { targets: new Set(), waiters: [], phase: 'queued', isUrgent: false }
      this.#tasks.set(id, task)
    }
    const isWaiting = task.targets.size > 0
    for (const target of targets) task.targets.add(target)
    if (task.phase === 'queued') this.#enqueue(id, task, { isWaiting })
    return task
  }

  /** @param isWaiting it is in a queue already */
  #enqueue (id: string, task: QueuedTask, { isWaiting }: { isWaiting: boolean }): void {
    const isUrgent = task.targets.has('task-file') || task.targets.has('side-files')
    if (isUrgent && !task.isUrgent) this.#urgent.add(id)
    else if (!isUrgent && !isWaiting) this.#logs.add(id)
    task.isUrgent = isUrgent
    this.#start()
  }

  async #start (): Promise<void> {
    if (this.#isStarting || this.#runningCount >= this.#concurrency) return
    this.#isStarting = true
    do await this.#slices.pause()
    while (this.#slices.isOver)
    this.#isStarting = false
    this.#startNext()
  }

  #startNext (): void {
    while (!this.#isClosed && this.#runningCount < this.#concurrency && this.#urgent.size + this.#logs.size > 0) {
      if (this.#slices.isOver) {
        this.#start()
        break
      }
      const id = this.#urgent.take() ?? this.#logs.take()!
      const task = this.#tasks.get(id)
      // an id may be in both queues
      if (task?.phase === 'queued') this.#run(id, task)
    }
    if (this.#isClosed && this.#runningCount === 0) this.#onIdle?.()
  }

  async #run (id: string, task: QueuedTask): Promise<void> {
    this.#runningCount++
    task.phase = 'running'
    const { targets, waiters } = task
    task.targets = new Set()
    task.waiters = []
    for (const target of await this.#refresh(id, targets)) task.targets.add(target)
    for (const resolve of waiters) resolve()
    task.phase = 'queued'
    task.isUrgent = false
    this.#runningCount--
    // a task that needs another refresh goes to the end of its queue
    if (task.targets.size === 0) this.#tasks.delete(id)
    else this.#enqueue(id, task, { isWaiting: false })
    this.#startNext()
  }
}
