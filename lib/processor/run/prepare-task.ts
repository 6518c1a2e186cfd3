import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { changeTask, readTask } from '../../protocol/task-file.ts'
import { cancelClaimed, finishTask } from '../../protocol/transitions.ts'
import { errorCode } from '../../util/error-code.ts'
import type { Task } from '../../shared/task-schema.ts'
import type { Attempt } from '../state/attempt.ts'
import { startCommand, type StartGate } from '../command/start-command.ts'
import { openLog } from '../command/log-file.ts'
import type { Program } from '../policy/policy.ts'
import type { RunContext } from './run-context.ts'
import { TaskCgroup } from '../os/task-cgroup.ts'
import { clearDeleted } from './write-outcome.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import type { OpenFile } from '../../protocol/file-system.ts'

/** A command that waits, for a task that is now `running`. */
export interface Prepared {
  readonly attempt: Attempt
  readonly gate: StartGate
}

/** A valid task cannot be started; the message becomes its `errorMessage`. */
class NotStartable extends Error {}

/**
 * Prepares a claimed task up to its start gate, or finishes it if it cannot or must not run.
 * @param mayStart asked last of all
 * @returns undefined: it is not to be begun
 * @throws the system's error where it could not be started now; it is still queued then
 */
export async function prepareTask (context: RunContext, task: Task, mayStart: () => boolean): Promise<Prepared | undefined> {
  const { directory, logger, policy } = context
  const { id } = task
  if (await readCancelMarker(directory, id) !== undefined) {
    const cancelled = await cancelClaimed(directory, id)
    logger.info(`${id} ${cancelled === undefined ? 'deleted' : 'cancelled'} before start`)
    return undefined
  }
  const plan = policy.plan(task)
  try {
    if ('refused' in plan) throw new NotStartable(plan.refused)
    return await prepareProgram(context, id, plan, mayStart)
  } catch (error) {
    if (!(error instanceof NotStartable)) throw error
    await finishTask(directory, id, { status: 'failed', errorMessage: error.message })
    logger.info(`${id} failed: ${error.message}`)
    return undefined
  }
}

async function prepareProgram (context: RunContext, id: string, program: Program, mayStart: () => boolean): Promise<Prepared | undefined> {
  const { directory, state, cgroup, forkServer, wrapper } = context
  const { type, timeoutMs } = program
  const log = await openLogOf(directory, id)
  let attempt: Attempt | undefined
  let gate: StartGate | undefined
  let running = false
  try {
    attempt = state.createAttempt({
      id, type, ...(timeoutMs !== undefined && { timeoutMs }), ...(forkServer && { forkServer: forkServer.nonce }), ...(wrapper.finishesOnSignal && { finishes: true as const })
    }, cgroup)
    gate = await startProgram(context, attempt, program, log)
    // must come first: a task marked `running` without a record would stay so until the next processor starts
    await attempt.sync()
    running = mayStart() && await markRunning(context, id)
    return running ? { attempt, gate } : undefined
  } finally {
    if (!running) {
      gate?.abort()
      if (attempt !== undefined) {
        state.forget(attempt)
        removeCgroup(attempt)
      }
    }
    attempt?.close()
    await log.close()
  }
}

/** As soon as what waited at the gate has gone. */
function removeCgroup ({ record: { header: { cgroup } } }: Attempt): void {
  if (cgroup === undefined) return
  const folder = new TaskCgroup(cgroup)
  let looks = 0
  const look = () => { if (!folder.remove() && looks++ < 50) setTimeout(look, 100).unref() }
  look()
}

async function openLogOf (directory: TasksDirectory, id: string): Promise<OpenFile> {
  try {
    return await openLog(directory, id)
  } catch (error) {
    const reason = error instanceof UnreadableFile ? error.message : errorCode(error)
    // anything else (a full disk) is not this task's fault: it stays queued
    if (!(error instanceof UnreadableFile) && !['EACCES', 'EPERM'].includes(reason)) throw error
    throw new NotStartable(`Could not be started: its log can't be written: ${reason}.`)
  }
}

async function startProgram (context: RunContext, attempt: Attempt, program: Program, log: OpenFile): Promise<StartGate> {
  try {
    return await startCommand(context, attempt, program, { file: log, maxBytes: context.logMaxBytes })
  } catch (error) {
    const code = errorCode(error)
    // Linux: 128 KiB for one argument or variable, and a limit for all of them together
    if (code === 'E2BIG') throw new NotStartable('Could not start: the command or config exceeds the system\'s argument size limit.')
    const { cwd } = program
    if (cwd === undefined || !['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) throw error
    throw new NotStartable(`Could not be started: its working directory ${cwd} can't be used (${code}).`)
  }
}

/**
 * Not synced to the disk: after a crash of the machine, the record tells that it ran.
 * @returns false: it is not to run; where it was deleted, the rest is cleared
 */
async function markRunning ({ directory, guard, lock }: RunContext, id: string): Promise<boolean> {
  // stopped for a while (SIGSTOP, a suspended machine), another one may have taken over, and run it
  if (!await lock.isHeld()) return false
  const current = await readTask(directory, id)
  if (current === undefined) {
    await clearDeleted(directory, guard, id)
    return false
  }
  if (current.status !== 'queued') return false
  const now = new Date().toISOString()
  await changeTask(directory, id, { status: 'running', startedAt: now, heartbeatAt: now }, { sync: false, current })
  return true
}
