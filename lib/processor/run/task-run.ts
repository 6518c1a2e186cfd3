import { setTimeout as sleep } from 'node:timers/promises'
import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { claimTask } from '../../protocol/claim.ts'
import { changeTask, readTask } from '../../protocol/task-file.ts'
import { MAX_TIMER_MS } from '../../util/timers.ts'
import { isTerminal } from '../../shared/task-status.ts'
import type { Attempt } from '../state/attempt.ts'
import { Command } from '../command/command.ts'
import { logSize } from '../command/log-file.ts'
import { outcomeOf, type Outcome } from './outcome.ts'
import type { StopReason } from './stop-reason.ts'
import { prepareTask, type Prepared } from './prepare-task.ts'
import { neverStarted } from '../state/attempt-record.ts'
import type { RunContext } from './run-context.ts'
import { clearDeleted, tryToEnd, writeEnd, writeQueued } from './write-outcome.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/** The processor leaves its commands to the next one. */
class Left extends Error {}

/** Runs one task: claim or adopt it, supervise the command, write the outcome. */
export class TaskRun {
  readonly #context: RunContext
  readonly #directory: TasksDirectory
  readonly #id: string
  readonly #onChange: () => void
  #begun = false
  #over = false
  #graceMs: number
  #attempt: Attempt | undefined
  #command: Command | undefined
  #stopped: StopReason | undefined
  /** Stop reason received before the command started. */
  #stopEarly: StopReason | undefined
  #looking: Promise<void> | undefined
  #unseen = false
  #beating: Promise<void> | undefined
  #leaving = false
  #leave!: () => void
  readonly #left = new Promise<never>((_resolve, reject) => { this.#leave = () => reject(new Left()) })

  /** @param onChange called when its command has been begun, and when it is over */
  constructor (context: RunContext, id: string, onChange: () => void) {
    this.#context = context
    this.#onChange = onChange
    this.#directory = context.directory
    this.#graceMs = context.graceMs
    this.#id = id
    // avoid an unhandled rejection if nothing is awaiting it
    this.#left.catch(() => {})
  }

  /** Whether its command has been begun. */
  get begun (): boolean {
    return this.#begun
  }

  /** Whether nothing of its command is left, and its output is in the log: what is left to do is to write its end. */
  get over (): boolean {
    return this.#over
  }

  /**
   * Takes a queued task and runs it. Resolves when it has ended, could not be taken, or was left.
   * @throws the system's error where it could not be started; it is still queued then
   */
  async run (): Promise<void> {
    if (!await this.#context.lock.isHeld()) return
    const taken = await claimTask(this.#directory, this.#id, 'processor')
    if (taken === undefined) return
    let prepared: Prepared | undefined
    try {
      prepared = await prepareTask(this.#context, taken.task.task, () => !this.#leaving && this.#stopEarly === undefined)
      prepared?.gate.open()
    } finally {
      // the state that follows `queued` stands, or the task is still queued; one that stays is cleared later
      await taken.release().catch((error: Error) => this.#say(`keeps its claim: ${error.message}`))
    }
    if (prepared === undefined) return
    this.#attempt = prepared.attempt
    this.#say('started')
    await this.#oversee(new Command(prepared.attempt, this.#context.hurry, prepared.gate.forksBefore), false)
  }

  /** Goes on with a command that an earlier processor began, whether it has ended meanwhile or not. */
  async adopt (attempt: Attempt): Promise<void> {
    this.#attempt = attempt
    this.#stopped = attempt.record.stop
    const command = new Command(attempt, this.#context.hurry)
    this.#say(command.isRunning() ? 'taken over' : 'ended under an earlier processor')
    // the ending is gone on with, from the first TERM on
    if (this.#stopped !== undefined) command.terminate(this.#graceMs)
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
    } else if (this.#stopped === undefined && this.#command.isRunning()) {
      this.#stopped = reason
      this.#noteStop(reason)
    }
    this.#command.terminate(this.#graceMs)
  }

  /** For a processor that finds it half ended. Without it (a full disk), it is ended all the same. */
  #noteStop (reason: StopReason): void {
    try {
      this.#attempt!.append(`stop ${reason}`)
    } catch (error) {
      this.#context.logger.warn(`${this.#id}: could not record the stop reason: ${(error as Error).message}`)
    }
  }

  /** Lets the command run on, for the next processor; one that was not begun waits in the queue. */
  leave (): void {
    this.#leaving = true
    this.#leave()
  }

  /** Queues a task again that was prepared and not begun. */
  async takeBack (attempt: Attempt): Promise<void> {
    if (!await writeQueued(this.#context, this.#id)) return
    this.#context.state.forget(attempt)
  }

  /** Ends a task that says that it runs, of which nothing is known here. */
  async giveUp (): Promise<void> {
    this.#context.logger.warn(`${this.#id}: the processor that ran it is gone`)
    await writeEnd(this.#context, this.#id, await readCancelMarker(this.#directory, this.#id) === undefined
      ? { status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.' }
      : { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
  }

  /** Checks whether somebody wants it to stop, by a marker or by deleting the task. */
  look (): Promise<void> {
    this.#unseen = true
    this.#looking ??= this.#lookUntilSeen()
    return this.#looking
  }

  /** Re-runs the check if it was requested again meanwhile. */
  async #lookUntilSeen (): Promise<void> {
    do {
      this.#unseen = false
      await this.#look()
    } while (this.#unseen)
    this.#looking = undefined
  }

  async #oversee (command: Command, adopted: boolean): Promise<void> {
    this.#command = command
    this.#begun = true
    this.#onChange()
    if (this.#stopEarly !== undefined) this.stop(this.#stopEarly)
    try {
      const end = await this.#supervise(command, adopted)
      // the gate's owner was killed before releasing the command, or the record could not be written (disk full)
      if (neverStarted(this.#attempt!.record) && this.#stopped === undefined) return await this.takeBack(this.#attempt!)
      this.#over = true
      this.#onChange()
      const seconds = command.ageMs === null ? '' : `, ${(command.ageMs / 1000).toFixed(1)} s`
      await this.#finish(end)
      this.#say(`${this.#ownsTask() ? end.status : this.#stopped} (exit code ${end.exitCode}${seconds})`)
    } catch (error) {
      if (!(error instanceof Left)) throw error
      this.#say('left running')
    }
  }

  /** @throws Left */
  async #supervise (command: Command, adopted: boolean): Promise<Outcome> {
    const { timeoutMs } = this.#attempt!.record.header
    const heartbeat = setInterval(() => this.#beat(), this.#context.heartbeatIntervalMs)
    let timeout: AbortController | undefined
    if (timeoutMs !== undefined) {
      timeout = new AbortController()
      this.#stopAfter(timeoutMs, command, adopted, timeout.signal).catch(() => {})
    }
    try {
      // a marker may have been written since the last look
      this.look()
      const exitCode = await this.#unlessLeft(command.exitCode)
      timeout?.abort()
      const allGone = await this.#unlessLeft(command.terminate(this.#graceMs))
      const drained = await this.#unlessLeft(command.drain(() => logSize(this.#directory, this.#id)))
      await Promise.all([this.#beating, this.#looking])
      if (exitCode === null && this.#stopped === undefined && await readCancelMarker(this.#directory, this.#id) === 'cancel') this.#stopped = 'cancelled'
      return outcomeOf({ exitCode, stopReason: this.#stopped, timeoutMs, allGone, drained, adopted })
    } finally {
      timeout?.abort()
      clearInterval(heartbeat)
      this.#command = undefined
    }
  }

  /** @throws AbortError where it has ended before */
  async #stopAfter (timeoutMs: number, command: Command, adopted: boolean, ended: AbortSignal): Promise<void> {
    await command.started()
    const left = timeoutMs - (adopted ? command.ageMs ?? 0 : 0)
    await sleep(Math.min(Math.max(left, 0), MAX_TIMER_MS), undefined, { signal: ended })
    this.stop('timed-out')
  }

  #unlessLeft<T> (work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#left])
  }

  /** The record goes once the end stands, and not before; the next task need not wait for that. */
  async #finish (end: Outcome): Promise<void> {
    const { guard, hurry, state, unsettled } = this.#context
    const attempt = this.#attempt!
    const ended = { completedAt: new Date().toISOString(), ...end }
    const settled = this.#stopped === 'disowned' || (this.#stopped === 'deleted'
      ? await clearDeleted(this.#directory, guard, this.#id)
      : await writeEnd(this.#context, this.#id, ended))
    if (settled) return state.forgetFinished(attempt)
    if (hurry.aborted) return
    // its file can't be read: others need not wait for that
    unsettled.set(this.#id, async () => {
      if (!await tryToEnd(this.#context, this.#id, ended)) return
      unsettled.delete(this.#id)
      state.forgetFinished(attempt)
      this.#say(`${end.status}: it could be written now`)
    })
  }

  async #look (): Promise<void> {
    if (this.#command === undefined) return
    try {
      const marker = await readCancelMarker(this.#directory, this.#id)
      const task = await readTask(this.#directory, this.#id)
      if (marker === 'delete') this.stop('deleted')
      else if (task === undefined) {
        if (await this.#context.guard.isIntact()) this.stop('deleted')
      } else if (isTerminal(task.status)) this.stop('disowned')
      else if (marker === 'cancel') this.stop('cancelled')
    } catch {
      // partial write or directory error: retried on the next check
    }
  }

  #beat (): void {
    this.#beating ??= this.#writeHeartbeat().catch(() => {}).finally(() => { this.#beating = undefined })
  }

  /** Not synced to the disk: it says that the processor lives, which a crash ends anyway. */
  async #writeHeartbeat (): Promise<void> {
    await this.look()
    if (this.#ownsTask()) await changeTask(this.#directory, this.#id, { heartbeatAt: new Date().toISOString() }, { sync: false })
  }

  #ownsTask (): boolean {
    return this.#stopped !== 'deleted' && this.#stopped !== 'disowned'
  }

  #say (what: string): undefined {
    this.#context.logger.info(`${this.#id} ${what}`)
  }
}
