import type { FileHandle } from 'node:fs/promises'
import { errorCode, UnreadableFile } from '../directory/files.ts'
import { cancelTaken, changeTask, endTask, readMarker, readTask, takeTask } from '../directory/transitions.ts'
import type { Task } from '../task-schema.ts'
import { Command } from './command.ts'
import type { ProcessorLock } from './lock.ts'
import { openLog } from './log-file.ts'
import { endOf, type End, type StopReason } from './outcome.ts'
import { clearDeleted, writeEnd, type EndContext } from './task-end.ts'
import { taskVariables, timeoutOf, whyNotRunnable } from './task-input.ts'

/** What all runs of a processor share. */
export interface RunContext extends EndContext {
  readonly lock: ProcessorLock
  readonly graceMs: number
  readonly heartbeatEveryMs: number
}

/** One task's way through a processor: taken, run, ended. */
export class TaskRun {
  readonly #context: RunContext
  readonly #dir: string
  readonly #id: string
  #graceMs: number
  #command: Command | undefined
  #stopped: StopReason | undefined
  /** Wished for before there was a command to stop. */
  #stopEarly: StopReason | undefined
  #looking: Promise<void> | undefined
  #beating: Promise<void> | undefined

  constructor (context: RunContext, id: string) {
    this.#context = context
    this.#dir = context.dir
    this.#graceMs = context.graceMs
    this.#id = id
  }

  /**
   * Resolves when the task has ended, or could not be taken.
   * @throws the system's error where it could not be started; it is still queued then
   */
  async run (): Promise<void> {
    if (!await this.#context.lock.isHeld()) return
    const taken = await takeTask(this.#dir, this.#id, 'processor')
    if (taken === undefined) return
    const { task } = taken.task
    let command: Command | undefined
    try {
      command = await this.#prepare(task)
    } finally {
      // the state that follows `queued` stands, or the task is still queued; one that stays is cleared later
      await taken.release().catch((error: Error) => this.#say(`keeps its claim: ${error.message}`))
    }
    if (command === undefined) return
    this.#command = command
    const startedAt = performance.now()
    command.start()
    this.#say('started')
    if (this.#stopEarly !== undefined) this.stop(this.#stopEarly)
    const end = await this.#supervise(command, timeoutOf(task))
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    await this.#finish(end)
    this.#say(`${this.#ownsTask() ? end.status : this.#stopped} (exit code ${end.exitCode}, ${seconds} s)`)
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
    } else if (this.#command.lives()) {
      this.#stopped ??= reason
    }
    this.#command.end(this.#graceMs)
  }

  /** Looks whether somebody wants it to stop, by a marker or by deleting the task. */
  look (): Promise<void> {
    this.#looking ??= this.#look().finally(() => { this.#looking = undefined })
    return this.#looking
  }

  /** @returns the command, which waits, for a task that is now `running`; undefined: it is not to be started */
  async #prepare (task: Task): Promise<Command | undefined> {
    if (await readMarker(this.#dir, this.#id) !== undefined) {
      const cancelled = await cancelTaken(this.#dir, this.#id)
      return this.#say(cancelled === undefined ? 'deleted before start' : 'cancelled before start')
    }
    const refusal = whyNotRunnable(task)
    if (refusal !== undefined) return await this.#refuse(refusal)
    const log = await this.#openLog()
    if (log === undefined) return undefined
    let command: Command
    try {
      command = await Command.prepare(task.command, taskVariables(task), log)
    } catch (error) {
      if (errorCode(error) !== 'E2BIG') throw error
      // Linux: 128 KiB for one argument or variable, and a limit for all of them together
      return await this.#refuse('Could not be started: its command or its config is too long for the system.')
    }
    try {
      if (this.#stopEarly === undefined && await this.#markRunning()) return command
    } catch (error) {
      await command.abandon()
      throw error
    }
    await command.abandon()
    return undefined
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

  /** @returns false: the task was deleted */
  async #markRunning (): Promise<boolean> {
    const now = new Date().toISOString()
    if (await changeTask(this.#dir, this.#id, { status: 'running', startedAt: now, heartbeatAt: now }) !== undefined) return true
    await clearDeleted(this.#dir, this.#context.guard, this.#id)
    return false
  }

  async #supervise (command: Command, timeoutMs: number | undefined): Promise<End> {
    const heartbeat = setInterval(() => this.#beat(), this.#context.heartbeatEveryMs)
    const timeout = timeoutMs === undefined ? undefined : setTimeout(() => this.stop('timed out'), timeoutMs)
    // a marker may have been written since the last look
    this.look()
    const exitCode = await command.exitCode
    clearTimeout(timeout)
    const allGone = await command.end(this.#graceMs)
    const logComplete = await command.drain()
    clearInterval(heartbeat)
    await Promise.all([this.#beating, this.#looking])
    this.#command = undefined
    return endOf({ exitCode, stopped: this.#stopped, timeoutMs, allGone, logComplete })
  }

  async #finish (end: End): Promise<void> {
    if (this.#stopped === 'disowned') return
    if (this.#stopped !== 'deleted') return await writeEnd(this.#context, this.#id, end)
    await clearDeleted(this.#dir, this.#context.guard, this.#id)
  }

  async #look (): Promise<void> {
    if (this.#command === undefined) return
    try {
      const marker = await readMarker(this.#dir, this.#id)
      const task = await readTask(this.#dir, this.#id)
      if (marker === 'delete') this.stop('deleted')
      else if (task === undefined) {
        if (await this.#context.guard.isSame()) this.stop('deleted')
      } else if (task.status !== 'running') this.stop('disowned')
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
