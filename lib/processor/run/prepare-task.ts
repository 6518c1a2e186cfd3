import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import type { OpenFile } from '../../protocol/file-system.ts'
import { UnreadableFile } from '../../protocol/regular-file.ts'
import { changeTask, readTask } from '../../protocol/task-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { cancelClaimed, finishTask } from '../../protocol/transitions.ts'
import { MAX_CONFIG_BYTES } from '../../shared/command-limits.ts'
import { JsonText } from '../../shared/json-text.ts'
import { isLongStructure } from '../../shared/long-structure.ts'
import { lossyNumber } from '../../shared/lossy-number.ts'
import { StoredTask } from '../../shared/stored-task.ts'
import type { Task } from '../../shared/task-schema.ts'
import { errorCode } from '../../util/error-code.ts'
import { openLog } from '../command/log-file.ts'
import { startCommand, type StartGate } from '../command/start-command.ts'
import { TaskCgroup } from '../os/task-cgroup.ts'
import type { Program } from '../policy/policy.ts'
import { printable, refused } from '../policy/refusal.ts'
import { countedTypeOf } from '../queue/counted-type.ts'
import type { Attempt } from '../state/attempt.ts'
import type { RunContext } from './run-context.ts'
import { removeDeletedTask } from './write-outcome.ts'

/** A command that waits at its start gate, for a task that is now `running`. */
export interface Prepared {
  readonly attempt: Attempt
  readonly gate: StartGate
}

export interface PrepareOptions {
  /**
   * The counted type for which there is a slot. The task file may have changed since the slot was found, and the other type
   * may be at its concurrency limit.
   */
  readonly expectedType: string
  /** Called last, immediately before the task becomes `running`. */
  readonly mayStart: () => boolean
}

const TOO_LARGE = 'Could not start: the command or config exceeds the system\'s argument size limit.'

/** A valid task cannot be started; the message becomes its `errorMessage`. */
class NotStartable extends Error {}

/**
 * Prepares a claimed task up to its start gate, or finishes it if it cannot or must not run.
 * @returns undefined if its command must not start
 * @throws if its type has changed, or the system's error if it could not be started now; the task is still queued then
 */
export async function prepareTask (context: RunContext, claimed: StoredTask, { expectedType, mayStart }: PrepareOptions): Promise<Prepared | undefined> {
  const { directory, logger, policy } = context
  const { id } = claimed
  if (await readCancelMarker(directory, id) !== undefined) {
    const cancelled = await cancelClaimed(directory, id)
    logger.info(`${id} ${cancelled === undefined ? 'deleted' : 'cancelled'} before start`)
    return undefined
  }
  const text = JsonText.of(claimed.json)
  const task = plannableTask(claimed, text)
  if (task === undefined) return await finishUnstarted(context, id, TOO_LARGE)
  if (countedTypeOf(task) !== expectedType) throw new Error('its type changed while it was being claimed; leaving it queued')
  const config = text.raw('config')
  const number = config && lossyNumber(config)
  const plan = number === undefined ? policy.plan(task) : refused(`the config contains the number ${printable(number, 100)}, which would be changed. Write it as a string.`)
  try {
    if ('refused' in plan) throw new NotStartable(plan.refused)
    return await prepareProgram(context, id, plan, mayStart)
  } catch (error) {
    if (!(error instanceof NotStartable)) throw error
    return await finishUnstarted(context, id, error.message)
  }
}

/**
 * The task for the policy. Its long arrays and objects are not parsed, which may take long: it lacks custom fields that have one.
 * @returns undefined if its config is one, which the system would refuse
 */
function plannableTask (task: StoredTask, text: JsonText): Task | undefined {
  if (task.json.length <= MAX_CONFIG_BYTES) return task.parse()
  if (isLongStructure(text, 'config')) return undefined
  return new StoredTask(text.pick([...text.names].filter((name) => !isLongStructure(text, name)))).parse()
}

async function finishUnstarted ({ directory, logger }: RunContext, id: string, errorMessage: string): Promise<undefined> {
  await finishTask(directory, id, { status: 'failed', errorMessage })
  logger.info(`${id} failed: ${errorMessage}`)
}

async function prepareProgram (context: RunContext, id: string, program: Program, mayStart: () => boolean): Promise<Prepared | undefined> {
  const log = await openLogOf(context.directory, id)
  let attempt: Attempt | undefined
  let gate: StartGate | undefined
  let isRunning = false
  try {
    attempt = createAttempt(context, id, program)
    gate = await startProgram(context, attempt, program, log)
    // must come first: a task marked `running` without a record would stay so until the next processor starts
    await attempt.sync()
    isRunning = mayStart() && await markRunning(context, id)
    return isRunning ? { attempt, gate } : undefined
  } finally {
    if (!isRunning) {
      gate?.abort()
      if (attempt !== undefined) forgetAttempt(context, attempt)
    }
    attempt?.close()
    await log.close()
  }
}

function createAttempt ({ state, cgroup, forkServer, wrapper }: RunContext, id: string, { type, timeoutMs }: Program): Attempt {
  return state.createAttempt({
    id,
    type,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(forkServer && { forkServer: forkServer.nonce }),
    ...(wrapper.finishesOnSignal && { finishes: true as const })
  }, cgroup)
}

function forgetAttempt ({ state }: RunContext, attempt: Attempt): void {
  state.forget(attempt)
  const { cgroup } = attempt.record.header
  if (cgroup !== undefined) removeWhenEmpty(new TaskCgroup(cgroup))
}

/** The process at the start gate needs a moment to exit. */
function removeWhenEmpty (cgroup: TaskCgroup, attempts = 50): void {
  if (!cgroup.remove() && attempts > 0) setTimeout(() => removeWhenEmpty(cgroup, attempts - 1), 100).unref()
}

async function openLogOf (directory: TasksDirectory, id: string): Promise<OpenFile> {
  try {
    return await openLog(directory, id)
  } catch (error) {
    const reason = error instanceof UnreadableFile ? error.message : errorCode(error)
    // anything else (a full disk) is not this task's fault: it stays queued
    if (!(error instanceof UnreadableFile) && !['EACCES', 'EPERM'].includes(reason)) throw error
    throw new NotStartable(`Could not start: its log cannot be written: ${reason}.`)
  }
}

async function startProgram (context: RunContext, attempt: Attempt, program: Program, log: OpenFile): Promise<StartGate> {
  try {
    return await startCommand(context, attempt, program, { file: log, maxBytes: context.maxLogBytes })
  } catch (error) {
    const code = errorCode(error)
    // Linux: 128 KiB for one argument or variable, and a limit for all of them together
    if (code === 'E2BIG') throw new NotStartable(TOO_LARGE)
    const { cwd } = program
    if (cwd === undefined || !['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) throw error
    throw new NotStartable(`Could not start: its working directory ${cwd} cannot be used (${code}).`)
  }
}

/**
 * Not fsynced: after a system crash, the attempt record shows that the task ran.
 * @returns false if the task must not run; the remaining files of a deleted one are removed
 */
async function markRunning ({ directory, identity, lock }: RunContext, id: string): Promise<boolean> {
  // this process may have been suspended: another processor may have taken the lock and run the task
  if (!await lock.isHeld()) return false
  const current = await readTask(directory, id)
  if (current === undefined) {
    await removeDeletedTask(directory, identity, id)
    return false
  }
  if (current.status !== 'queued') return false
  const now = new Date().toISOString()
  await changeTask(directory, id, { status: 'running', startedAt: now, heartbeatAt: now }, { sync: false, current })
  return true
}
