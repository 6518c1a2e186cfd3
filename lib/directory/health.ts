import { LOCK_NAME } from '../protocol/lock-file.ts'
import { readProcessorInfo } from '../protocol/processor-info.ts'
import type { TasksDirectory } from '../protocol/tasks-directory.ts'
import type { StoredTask } from '../shared/stored-task.ts'
import { TASK_STATUSES, type TaskStatus } from '../shared/task-status.ts'
import type { HealthProblem, StoreHealth } from '../store.ts'
import type { ProcessorObserver, ProcessorState } from './processor-observer.ts'
import { wakeProcessor, type FifoState } from './wake-processor.ts'
import type { Catalogue } from './watch/catalogue.ts'
import type { TaskWatcher, WatcherState } from './watch/task-watcher.ts'

/** The health of the watcher and of the processor, with what to do about each problem. */
export async function directoryHealth (directory: TasksDirectory, watcher: TaskWatcher, processor: ProcessorObserver): Promise<StoreHealth> {
  const { state } = watcher
  await processor.observe()
  const fifo = await wakeProcessor(directory.path)
  const { limits } = await readProcessorInfo(directory)
  return {
    processorAlive: processor.isAlive,
    problems: [...directoryProblems(state), ...processorProblems(processor.state, fifo), ...watcherProblems(state)],
    tasksDir: directory.path,
    tasks: watcher.tasks.size,
    tasksByStatus: countsOf(watcher.tasks),
    oldestQueuedMs: ageOf(watcher.tasks.oldest('queued')),
    watcher: state.mode,
    polledFiles: state.polledFiles,
    missedChanges: state.missedChanges,
    unreadableFiles: state.unreadable.size,
    ...(limits !== undefined && { limits })
  }
}

function countsOf (tasks: Catalogue): Record<TaskStatus | 'unknown', number> {
  const counts = Object.fromEntries(TASK_STATUSES.map((status) => [status, tasks.count(status)])) as Record<TaskStatus, number>
  return { ...counts, unknown: tasks.count(undefined) }
}

/** A clock that was set back, or a file of another machine, may make a task seem to be of the future. */
function ageOf (task: StoredTask | undefined): number | null {
  return task === undefined ? null : Math.max(0, Date.now() - task.createdAt)
}

function * directoryProblems ({ problem }: WatcherState): Generator<HealthProblem> {
  if (problem === undefined) return
  yield { code: 'directory-unreadable', serious: true, message: `The tasks directory cannot be read (${problem}). The last known tasks are shown until it can. Check its path and permissions.` }
}

function * processorProblems (processor: ProcessorState, fifo: FifoState): Generator<HealthProblem> {
  if (processor === 'no-lock') {
    yield { code: 'processor-absent', serious: true, message: 'No processor is running; queued tasks are waiting. Start one with: fastify-tasks process DIR --policy FILE' }
  } else if (processor === 'stale') {
    yield { code: 'processor-stale', serious: true, message: 'The heartbeat of the processor has stopped: it was killed or is hanging. Restart it.' }
  } else if (processor === 'unreadable') {
    yield { code: 'processor-lock-unreadable', serious: true, message: `${LOCK_NAME} cannot be read, so it is unknown whether a processor is running. Check its permissions.` }
  } else if (fifo !== 'has-reader') {
    yield { code: 'fifo-without-reader', message: 'The wake-up FIFO has no reader; tasks start within seconds instead of immediately.' }
  }
}

function * watcherProblems ({ mode, missedChanges, unreadable }: WatcherState): Generator<HealthProblem> {
  if (mode === 'polling') {
    yield { code: 'watcher-polling', message: 'File events are unavailable (see fs.inotify.max_user_watches); changes show up within seconds.' }
  }
  if (missedChanges > 0) {
    yield { code: 'notices-dropped', count: missedChanges, message: 'The system dropped some file events; a scan found the changes.' }
  }
  const [first] = unreadable
  if (first !== undefined) {
    const [name, reason] = first
    yield { code: 'unreadable-files', count: unreadable.size, message: `Some files cannot be read. The first is ${name}: ${reason}.` }
  }
}
