import type { BigIntStats } from 'node:fs'
import type { HealthProblem, StoreHealth } from '../store.ts'
import { isStale, LOCK_NAME, MAX_LOCK_BYTES, parseLock } from '../protocol/lock-file.ts'
import { ifExists, readText } from '../protocol/regular-file.ts'
import { readProcessorInfo } from '../protocol/processor-info.ts'
import { wakeProcessor, type FifoState } from './wake-processor.ts'
import type { TaskWatcher } from './watch/task-watcher.ts'
import type { TasksDirectory } from '../protocol/tasks-directory.ts'

type ProcessorState = 'alive' | 'no-lock' | 'stale' | 'unreadable'

/** Says which part of a directory's queue does not work, and what to do. */
export class DirectoryHealth {
  readonly #directory: TasksDirectory
  readonly #watcher: TaskWatcher
  #processor: ProcessorState = 'no-lock'
  #lock: { stamp: string, seenAt: number } | undefined

  constructor (directory: TasksDirectory, watcher: TaskWatcher) {
    this.#directory = directory
    this.#watcher = watcher
  }

  get processorAlive (): boolean {
    return this.#processor === 'alive'
  }

  /** Call it about once a second: whether a heartbeat beats shows only over time. */
  async observe (): Promise<void> {
    try {
      const lock = await ifExists(readText(this.#directory, LOCK_NAME, MAX_LOCK_BYTES))
      this.#processor = lock === undefined ? 'no-lock' : isStale(parseLock(lock.text), this.#unchangedMs(lock.stats)) ? 'stale' : 'alive'
    } catch {
      this.#processor = 'unreadable'
    }
  }

  /** How long the lock has been unchanged, in ms. */
  #unchangedMs ({ ino, mtimeNs }: BigIntStats): number {
    const stamp = `${ino}:${mtimeNs}`
    if (stamp !== this.#lock?.stamp) {
      // on the first observation only wall clocks can be compared; afterwards, whether the mtime changes
      const age = this.#lock === undefined ? Math.max(0, Date.now() - Number(mtimeNs / 1_000_000n)) : 0
      this.#lock = { stamp, seenAt: performance.now() - age }
    }
    return performance.now() - this.#lock.seenAt
  }

  async report (): Promise<StoreHealth> {
    const { mode, trouble, missedChanges, unreadable } = this.#watcher.state
    await this.observe()
    const fifo = await wakeProcessor(this.#directory.path)
    const { limits } = await readProcessorInfo(this.#directory)
    const problems: HealthProblem[] = []
    if (trouble !== undefined) problems.push({ code: 'directory-unreadable', message: `The tasks directory can't be read (${trouble}). The last known tasks are shown until it can.` })
    problems.push(...processorProblems(this.#processor, fifo))
    if (mode === 'polling') problems.push({ code: 'watcher-polling', message: 'File watching is unavailable (see fs.inotify.max_user_watches); changes show up within seconds.' })
    if (missedChanges > 0) problems.push({ code: 'notices-dropped', count: missedChanges, message: 'Some file-change events were dropped; a scan recovered them.' })
    if (unreadable.size > 0) {
      const [name, reason] = [...unreadable][0]!
      problems.push({ code: 'unreadable-files', count: unreadable.size, message: `Files that can't be read, the first: ${name}: ${reason}.` })
    }
    return {
      processorAlive: this.processorAlive,
      problems,
      tasksDir: this.#directory.path,
      tasks: this.#watcher.tasks.size,
      watcher: mode,
      missedChanges,
      unreadableFiles: unreadable.size,
      ...(limits !== undefined && { limits })
    }
  }
}

function processorProblems (processor: ProcessorState, fifo: FifoState): HealthProblem[] {
  if (processor === 'no-lock') return [{ code: 'processor-absent', message: 'No processor is running; queued tasks are waiting. Start one with: fastify-tasks process DIR --policy FILE' }]
  if (processor === 'stale') return [{ code: 'processor-stale', message: 'The processor\'s heartbeat has stopped: it was killed or is hanging. Restart it.' }]
  if (processor === 'unreadable') return [{ code: 'processor-lock-unreadable', message: `${LOCK_NAME} can't be read.` }]
  if (fifo === 'read') return []
  return [{ code: 'fifo-without-reader', message: 'The wake-up FIFO has no reader; tasks start within seconds instead of immediately.' }]
}
