import type { FileHandle } from 'node:fs/promises'
import { errorCode, UnreadableFile } from '../directory/files.ts'
import { cancelTaken, changeTask, endTask, readMarker, readTask, takeTask } from '../directory/transitions.ts'
import type { Task } from '../task-schema.ts'
import { isTerminal } from '../task.ts'
import type { Attempt } from './attempt.ts'
import { bootId, Command } from './command.ts'
import { launch, type Gate } from './launch.ts'
import type { ProcessorLock } from './lock.ts'
import { logSize, openLog } from './log-file.ts'
import { endOf, type End, type StopReason } from './outcome.ts'
import type { Policy, Program } from './policy/policy.ts'
import type { StateDirectory } from './state-directory.ts'
import { clearDeleted, writeEnd, type EndContext } from './task-end.ts'
import type { Wrapper } from './wrapper.ts'

/** What all runs of a processor share. */
export interface RunContext extends EndContext {
  readonly lock: ProcessorLock
  readonly state: StateDirectory
  readonly policy: Pick<Policy, 'plan'>
  readonly graceMs: number
  readonly heartbeatEveryMs: number
  readonly wrapper: Wrapper
  readonly logMaxBytes: number | undefined
  /** Folder of the cgroup below which each command gets its own; undefined: none does. */
  readonly cgroup: string | undefined
}

/** The processor leaves its commands to the next one. */
class Left extends Error {}

/** One task's way through a processor: taken or taken over, run, ended. */
export class TaskRun {
  readonly #context: RunContext
  readonly #dir: string
  readonly #id: string
  #graceMs: number
  #attempt: Attempt | undefined
  #command: Command | undefined
  #stopped: StopReason | undefined
  /** Wished for before there was a command to stop. */
  #stopEarly: StopReason | undefined
  #looking: Promise<void> | undefined
  #unseen = false
  #beating: Promise<void> | undefined
  #leaving = false
  #leave!: () => void
  readonly #left = new Promise<never>((_resolve, reject) => { this.#leave = () => reject(new Left()) })

  constructor (context: RunContext, id: string) {
    this.#context = context
    this.#dir = context.dir
    this.#graceMs = context.graceMs
    this.#id = id
    // not everything that it ends is waiting
    this.#left.catch(() => {})
  }

  /**
   * Takes a queued task and runs it. Resolves when it has ended, could not be taken, or was left.
   * @throws the system's error where it could not be started; it is still queued then
   */
  async run (): Promise<void> {
    if (!await this.#context.lock.isHeld()) return
    const taken = await takeTask(this.#dir, this.#id, 'processor')
    if (taken === undefined) return
    let gate: Gate | undefined
    try {
      gate = await this.#prepare(taken.task.task)
      gate?.open()
    } finally {
      // the state that follows `queued` stands, or the task is still queued; one that stays is cleared later
      await taken.release().catch((error: Error) => this.#say(`keeps its claim: ${error.message}`))
    }
    if (gate === undefined) return
    this.#say('started')
    await this.#oversee(new Command(this.#attempt!, gate.forksBefore), false)
  }

  /** Goes on with a command that an earlier processor began, whether it has ended meanwhile or not. */
  async adopt (attempt: Attempt): Promise<void> {
    this.#attempt = attempt
    this.#stopped = attempt.record.stop
    const command = new Command(attempt)
    this.#say(command.lives() ? 'taken over' : 'ended under an earlier processor')
    // the ending is gone on with, from the first TERM on
    if (this.#stopped !== undefined) command.end(this.#graceMs)
    await this.#oversee(command, true)
  }

  /**
   * Ends the command for that reason, unless it has ended by itself.
   * @param graceMs from TERM to KILL; a repeated call can only shorten it
   */
  stop (reason: StopReason, graceMs = this.#graceMs): void {
    this.#graceMs = Math.min(this.#graceMs, graceMs)
    if (this.#command === undefined) {
      this.#stopEarly ??= reason
      return
    }
    if (reason === 'deleted' || reason === 'disowned') {
      // then it must not be written, whatever was the reason before
      if (this.#ownsTask()) this.#stopped = reason
    } else if (this.#stopped === undefined && this.#command.lives()) {
      this.#stopped = reason
      this.#noteStop(reason)
    }
    this.#command.end(this.#graceMs)
  }

  /** For a processor that finds it half ended. Without it (a full disk), it is ended all the same. */
  #noteStop (reason: StopReason): void {
    try {
      this.#attempt!.append(`stop ${reason}`)
    } catch (error) {
      this.#context.logger.warn(`${this.#id}: its record does not say why it is ended: ${(error as Error).message}`)
    }
  }

  /** Lets the command run on, for the next processor; one that was not begun waits in the queue. */
  leave (): void {
    this.#leaving = true
    this.#leave()
  }

  /** Ends a task that says that it runs, of which nothing is known here. */
  async giveUp (): Promise<void> {
    this.#context.logger.warn(`${this.#id}: the processor that ran it is gone`)
    await writeEnd(this.#context, this.#id, await readMarker(this.#dir, this.#id) === undefined
      ? { status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.' }
      : { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
  }

  /** Looks whether somebody wants it to stop, by a marker or by deleting the task. */
  look (): Promise<void> {
    this.#unseen = true
    this.#looking ??= this.#lookUntilSeen()
    return this.#looking
  }

  /** Looks again for whoever came during a look, which may have begun too early for that. */
  async #lookUntilSeen (): Promise<void> {
    do {
      this.#unseen = false
      await this.#look()
    } while (this.#unseen)
    this.#looking = undefined
  }

  /** @returns the gate before a command, for a task that is now `running`; undefined: it is not to be started */
  async #prepare (task: Task): Promise<Gate | undefined> {
    if (await readMarker(this.#dir, this.#id) !== undefined) {
      const cancelled = await cancelTaken(this.#dir, this.#id)
      return this.#say(cancelled === undefined ? 'deleted before start' : 'cancelled before start')
    }
    const plan = this.#context.policy.plan(task)
    if ('refused' in plan) return await this.#refuse(plan.refused)
    const log = await this.#openLog()
    if (log === undefined) return undefined
    let gate: Gate | undefined
    try {
      gate = await this.#launch(plan, log)
      if (gate === undefined) return undefined
      // first: a task that says that it runs, without a record, would wait for the next processor
      await this.#attempt!.sync()
      if (await this.#markRunning()) return gate
    } catch (error) {
      this.#abandon(gate)
      throw error
    } finally {
      await log.close()
    }
    this.#abandon(gate)
    return undefined
  }

  async #launch (program: Program, log: FileHandle): Promise<Gate | undefined> {
    const { state, cgroup, wrapper, logMaxBytes } = this.#context
    const { type, timeoutMs, cwd } = program
    this.#attempt = state.createAttempt({ id: this.#id, bootId, type, ...(timeoutMs !== undefined && { timeoutMs }) }, cgroup)
    try {
      return await launch(wrapper, this.#attempt, program, { file: log, maxBytes: logMaxBytes })
    } catch (error) {
      const code = errorCode(error)
      const reason = code === 'E2BIG'
        // Linux: 128 KiB for one argument or variable, and a limit for all of them together
        ? 'its command or its config is too long for the system'
        : cwd !== undefined && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(code) ? `its working directory ${cwd} can't be used (${code})` : undefined
      if (reason === undefined) throw error
      this.#abandon(undefined)
      return await this.#refuse(`Could not be started: ${reason}.`)
    }
  }

  /** The task stays as it is: it runs nothing, and never will. */
  #abandon (gate: Gate | undefined): void {
    gate?.abandon()
    if (this.#attempt !== undefined) this.#context.state.forget(this.#attempt)
  }

  async #openLog (): Promise<FileHandle | undefined> {
    try {
      return await openLog(this.#dir, this.#id)
    } catch (error) {
      const reason = error instanceof UnreadableFile ? error.message : errorCode(error)
      // anything else (a full disk) is not this task's fault: it stays queued
      if (!(error instanceof UnreadableFile) && !['EACCES', 'EPERM'].includes(reason)) throw error
      return await this.#refuse(`Could not be started: its log can't be written: ${reason}.`)
    }
  }

  async #refuse (errorMessage: string): Promise<undefined> {
    await endTask(this.#dir, this.#id, { status: 'failed', errorMessage })
    this.#say(`failed: ${errorMessage}`)
  }

  /**
   * Not synced to the disk: after a crash of the machine, the record tells that it ran.
   * @returns false: it is not to run; where it was deleted, the rest is cleared
   */
  async #markRunning (): Promise<boolean> {
    if (this.#leaving || this.#stopEarly !== undefined) return false
    // stopped for a while (SIGSTOP, a suspended machine), another one may have taken over, and run it
    if (!await this.#context.lock.isHeld()) return false
    const task = await readTask(this.#dir, this.#id)
    if (task !== undefined && task.status !== 'queued') return false
    const now = new Date().toISOString()
    const fields = { status: 'running', startedAt: now, heartbeatAt: now } as const
    if (await changeTask(this.#dir, this.#id, fields, { sync: false }) !== undefined) return true
    await clearDeleted(this.#dir, this.#context.guard, this.#id)
    return false
  }

  async #oversee (command: Command, adopted: boolean): Promise<void> {
    this.#command = command
    if (this.#stopEarly !== undefined) this.stop(this.#stopEarly)
    try {
      const end = await this.#supervise(command, adopted)
      const seconds = command.ageMs === null ? '' : `, ${(command.ageMs / 1000).toFixed(1)} s`
      await this.#finish(end)
      this.#say(`${this.#ownsTask() ? end.status : this.#stopped} (exit code ${end.exitCode}${seconds})`)
    } catch (error) {
      if (!(error instanceof Left)) throw error
      this.#say('left running')
    }
  }

  /** @throws Left */
  async #supervise (command: Command, adopted: boolean): Promise<End> {
    const { timeoutMs } = this.#attempt!.record.header
    const heartbeat = setInterval(() => this.#beat(), this.#context.heartbeatEveryMs)
    const left = timeoutMs === undefined ? undefined : timeoutMs - (command.ageMs ?? 0)
    const timeout = left === undefined ? undefined : setTimeout(() => this.stop('timed out'), left)
    try {
      // a marker may have been written since the last look
      this.look()
      const exitCode = await this.#unlessLeft(command.exitCode)
      clearTimeout(timeout)
      const allGone = await this.#unlessLeft(command.end(this.#graceMs))
      const drained = await this.#unlessLeft(command.drain(() => logSize(this.#dir, this.#id), this.#context.hurry))
      await Promise.all([this.#beating, this.#looking])
      if (exitCode === null && this.#stopped === undefined && await readMarker(this.#dir, this.#id) === 'cancel') this.#stopped = 'cancelled'
      return endOf({ exitCode, stopped: this.#stopped, timeoutMs, allGone, drained, adopted })
    } finally {
      clearTimeout(timeout)
      clearInterval(heartbeat)
      this.#command = undefined
    }
  }

  #unlessLeft<T> (work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#left])
  }

  /** The record goes once the end stands, and not before. */
  async #finish (end: End): Promise<void> {
    const settled = this.#stopped === 'disowned' || (this.#stopped === 'deleted'
      ? await clearDeleted(this.#dir, this.#context.guard, this.#id)
      : await writeEnd(this.#context, this.#id, end))
    if (settled) this.#context.state.forget(this.#attempt!)
  }

  async #look (): Promise<void> {
    if (this.#command === undefined) return
    try {
      const marker = await readMarker(this.#dir, this.#id)
      const task = await readTask(this.#dir, this.#id)
      if (marker === 'delete') this.stop('deleted')
      else if (task === undefined) {
        if (await this.#context.guard.isSame()) this.stop('deleted')
      } else if (isTerminal(task.status)) this.stop('disowned')
      else if (marker === 'cancel') this.stop('cancelled')
    } catch {
      // a write in progress, or trouble with the directory: the next look tells
    }
  }

  #beat (): void {
    this.#beating ??= this.#writeHeartbeat().catch(() => {}).finally(() => { this.#beating = undefined })
  }

  /** Not synced to the disk: it says that the processor lives, which a crash ends anyway. */
  async #writeHeartbeat (): Promise<void> {
    await this.look()
    if (this.#ownsTask()) await changeTask(this.#dir, this.#id, { heartbeatAt: new Date().toISOString() }, { sync: false })
  }

  #ownsTask (): boolean {
    return this.#stopped !== 'deleted' && this.#stopped !== 'disowned'
  }

  #say (what: string): undefined {
    this.#context.logger.info(`${this.#id} ${what}`)
  }
}
