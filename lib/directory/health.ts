import { join } from 'node:path'
import type { HealthProblem, StoreHealth } from '../store.ts'
import { ifExists, LOCK_NAME, MAX_LOCK_BYTES, readText } from './files.ts'
import { readProcessorInfo } from './processor-info.ts'
import { wakeProcessor, type FifoState } from './wake-processor.ts'
import type { TaskWatcher } from './watcher.ts'

/** A lock whose time stamp stands still for so long, on this process's own clock, is a dead processor's. */
const STALE_MS = 10_000

type ProcessorState = 'alive' | 'no-lock' | 'stale' | 'unreadable'

/** Says which part of a directory's queue does not work, and what to do. */
export class DirectoryHealth {
  readonly #dir: string
  readonly #watcher: TaskWatcher
  #processor: ProcessorState = 'no-lock'
  #lock: { stamp: string, seenAt: number } | undefined

  constructor (dir: string, watcher: TaskWatcher) {
    this.#dir = dir
    this.#watcher = watcher
  }

  get processorAlive (): boolean {
    return this.#processor === 'alive'
  }

  /** Call it about once a second: whether a heartbeat beats shows only over time. */
  async observe (): Promise<void> {
    try {
      const lock = await ifExists(readText(join(this.#dir, LOCK_NAME), MAX_LOCK_BYTES))
      this.#processor = lock === undefined ? 'no-lock' : this.#beats(lock.text, lock.stats.mtimeNs, lock.stats.ino) ? 'alive' : 'stale'
    } catch {
      this.#processor = 'unreadable'
    }
  }

  #beats (text: string, mtimeNs: bigint, ino: bigint): boolean {
    // a processor that never heard of heartbeats: the file alone says that it lives
    if (!/^heartbeat /m.test(text)) return true
    const stamp = `${ino}:${mtimeNs}`
    if (stamp !== this.#lock?.stamp) {
      // at first sight only the clocks can tell; after that, whether it moves
      const age = this.#lock === undefined ? Math.max(0, Date.now() - Number(mtimeNs / 1_000_000n)) : 0
      this.#lock = { stamp, seenAt: performance.now() - age }
    }
    return performance.now() - this.#lock.seenAt < STALE_MS
  }

  async report (): Promise<StoreHealth> {
    const { mode, trouble, missedChanges, unreadable } = this.#watcher.state
    await this.observe()
    const fifo = await wakeProcessor(this.#dir)
    const { limits } = await readProcessorInfo(this.#dir)
    const problems: HealthProblem[] = []
    if (trouble !== undefined) problems.push({ code: 'directory-unreadable', message: `The tasks directory can't be read (${trouble}). The last known tasks are shown until it can.` })
    problems.push(...processorProblems(this.#processor, fifo))
    if (mode === 'polling') problems.push({ code: 'watcher-polling', message: 'The system gives no notices of file changes (see fs.inotify.max_user_watches); changes show within seconds.' })
    if (missedChanges > 0) problems.push({ code: 'notices-dropped', count: missedChanges, message: 'The system dropped notices of file changes; scans found what they were about.' })
    if (unreadable.size > 0) {
      const [name, reason] = [...unreadable][0]!
      problems.push({ code: 'unreadable-files', count: unreadable.size, message: `Files that can't be read, the first: ${name}: ${reason}.` })
    }
    return {
      processorAlive: this.processorAlive,
      problems,
      tasksDir: this.#dir,
      tasks: this.#watcher.tasks.size,
      watcher: mode,
      missedChanges,
      unreadableFiles: unreadable.size,
      ...(limits !== undefined && { limits })
    }
  }
}

function processorProblems (processor: ProcessorState, fifo: FifoState): HealthProblem[] {
  if (processor === 'no-lock') return [{ code: 'processor-absent', message: 'No processor runs: queued tasks wait. Start one with: fastify-tasks process DIR --policy FILE' }]
  if (processor === 'stale') return [{ code: 'processor-stale', message: 'The processor\'s heartbeat stands still: it was killed or hangs. Restart it.' }]
  if (processor === 'unreadable') return [{ code: 'processor-lock-unreadable', message: `${LOCK_NAME} can't be read.` }]
  if (fifo === 'read') return []
  return [{ code: 'fifo-without-reader', message: 'Nobody reads the wake-up FIFO: tasks start within seconds instead of at once.' }]
}
