import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { claimTask } from '../../protocol/claim.ts'
import { changeTask } from '../../protocol/task-file.ts'
import { Rerunner } from '../../util/single-flight.ts'
import { Command } from '../command/command.ts'
import { logSize } from '../command/log-file.ts'
import { neverStarted } from '../state/attempt-record.ts'
import type { Attempt } from '../state/attempt.ts'
import { Heartbeat } from './heartbeat.ts'
import { outcomeOf, type Outcome } from './outcome.ts'
import { prepareTask, type Prepared } from './prepare-task.ts'
import { requeueTask } from './recovered-task.ts'
import type { RunContext } from './run-context.ts'
import { nextRunPhase, type RunEvent, type RunPhase } from './run-phase.ts'
import { losesTask, type StopReason } from './stop-reason.ts'
import { readStopRequest } from './stop-request.ts'
import { StoppableCommand } from './stoppable-command.ts'
import { untilTimeLimit } from './time-limit.ts'
import { removeDeletedTask, writeOutcome } from './write-outcome.ts'

interface Result {
  readonly outcome: Outcome
  readonly stopReason: StopReason | undefined
}

/** The command keeps running for the next processor. */
class Left extends Error {}

/** Runs one task: claim or adopt it, supervise the command, write the outcome. */
export class TaskRun {
  readonly #context: RunContext
  readonly #id: string
  readonly #onChange: () => void
  readonly #stopRequests = new Rerunner(() => this.#checkStopRequest())
  readonly #left: Promise<never>
  #rejectLeft!: () => void
  #phase: RunPhase = 'preparing'
  /** Requests to stop that came before the command started. */
  #earlyStops: Array<[reason: StopReason, graceMs: number]> = []
  /** While it is supervised. */
  #command: StoppableCommand | undefined

  /** @param onChange called when the phase has changed */
  constructor (context: RunContext, id: string, onChange: () => void) {
    this.#context = context
    this.#id = id
    this.#onChange = onChange
    this.#left = new Promise((_resolve, reject) => { this.#rejectLeft = () => reject(new Left()) })
    // avoid an unhandled rejection if nothing is awaiting it
    this.#left.catch(() => {})
  }

  get phase (): RunPhase {
    return this.#phase
  }

  /**
   * Claims a queued task and runs it. Resolves when it has finished, could not be claimed, or was left.
   * @param expectedType the type for which there is a slot; a task that has another type now stays queued
   * @throws the system's error if it could not be started; it is still queued then
   */
  async run (expectedType: string): Promise<void> {
    if (!await this.#context.lock.isHeld()) return
    const claimed = await claimTask(this.#context.directory, this.#id, 'processor')
    if (claimed === undefined) return
    let prepared: Prepared | undefined
    try {
      prepared = await prepareTask(this.#context, claimed.task, {
        expectedType,
        mayStart: () => this.#phase === 'preparing' && this.#earlyStops.length === 0
      })
      prepared?.gate.open()
    } finally {
      // the next status is written, or the task is still queued; `PacedScan` removes a claim that cannot be removed now
      await claimed.release().catch((error: Error) => this.#log(`keeps its claim: ${error.message}`))
    }
    if (prepared === undefined) return
    this.#log('started')
    const command = new Command(prepared.attempt, this.#context.hurry, prepared.gate.forksBefore)
    await this.#supervise(new StoppableCommand(prepared.attempt, command, this.#context), { adopted: false })
  }

  /** Adopts a command that an earlier processor started, whether it has exited since or not. */
  async adopt (attempt: Attempt): Promise<void> {
    const command = new Command(attempt, this.#context.hurry)
    this.#log(command.isRunning() ? 'adopted' : 'adopted: its command exited under an earlier processor')
    const stoppable = new StoppableCommand(attempt, command, this.#context)
    // the earlier processor may not have got beyond TERM
    if (stoppable.stopReason !== undefined) stoppable.terminate()
    await this.#supervise(stoppable, { adopted: true })
  }

  /**
   * Terminates the command for that reason, unless it has exited by itself.
   * @param graceMs from TERM to KILL; a repeated call can only shorten it
   */
  stop (reason: StopReason, graceMs = this.#context.graceMs): void {
    if (this.#command === undefined) this.#earlyStops.push([reason, graceMs])
    else this.#command.stop(reason, graceMs)
  }

  /** Leaves the command running for the next processor. A command that has not started stays queued. */
  leave (): void {
    this.#send('leave')
    this.#rejectLeft()
  }

  /** Checks whether the task was cancelled, deleted, or finished by another party. */
  checkStopRequest (): Promise<void> {
    return this.#stopRequests.request()
  }

  async #checkStopRequest (): Promise<void> {
    if (this.#command === undefined) return
    try {
      const reason = await readStopRequest(this.#context.directory, this.#context.identity, this.#id)
      if (reason !== undefined) this.stop(reason)
    } catch {
      // partial write or directory error: retried on the next check
    }
  }

  async #supervise (command: StoppableCommand, { adopted }: { adopted: boolean }): Promise<void> {
    this.#command = command
    this.#send('command-started')
    for (const [reason, graceMs] of this.#earlyStops.splice(0)) command.stop(reason, graceMs)
    try {
      const result = await this.#untilGone(command, adopted)
      // the gate's owner was killed before opening it, or the record could not be written (disk full)
      if (neverStarted(command.attempt.record) && result.stopReason === undefined) {
        this.#send('command-never-started')
        return await requeueTask(this.#context, command.attempt)
      }
      this.#send('command-gone')
      await this.#finish(command, result)
    } catch (error) {
      if (!(error instanceof Left)) throw error
      this.#log('left running')
    }
  }

  /**
   * Resolves when no process of the command is left and its output is in the log.
   * @throws Left
   */
  async #untilGone (stoppable: StoppableCommand, adopted: boolean): Promise<Result> {
    const { command, attempt: { record: { header: { timeoutMs } } } } = stoppable
    const exited = new AbortController()
    const heartbeat = new Heartbeat(this.#context.heartbeatIntervalMs, () => this.#writeHeartbeat(stoppable))
    if (timeoutMs !== undefined) {
      untilTimeLimit(command, { timeoutMs, adopted, signal: exited.signal }).then(() => this.stop('timed-out'), () => {})
    }
    try {
      // a marker may have been created since the last check
      this.checkStopRequest()
      const exitCode = await this.#unlessLeft(command.exitCode)
      exited.abort()
      const allGone = await this.#unlessLeft(stoppable.terminate())
      const drained = await this.#unlessLeft(command.drain(() => logSize(this.#context.directory, this.#id)))
      await Promise.all([heartbeat.idle(), this.#stopRequests.idle()])
      const late = exitCode === null && stoppable.stopReason === undefined ? await this.#lateCancellation() : undefined
      const stopReason = stoppable.stopReason ?? late
      return { stopReason, outcome: outcomeOf({ exitCode, stopReason, timeoutMs, allGone, drained, adopted }) }
    } finally {
      exited.abort()
      heartbeat.stop()
      this.#command = undefined
    }
  }

  /** The exit code was not recorded, so that the command may have been killed because of the cancellation request. */
  async #lateCancellation (): Promise<StopReason | undefined> {
    return await readCancelMarker(this.#context.directory, this.#id) === 'cancel' ? 'cancelled' : undefined
  }

  /** @throws Left */
  async #unlessLeft<T> (work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#left])
  }

  /** Not fsynced: it shows that the processor is alive, which is not the case after a system crash anyway. */
  async #writeHeartbeat (command: StoppableCommand): Promise<void> {
    await this.checkStopRequest()
    if (losesTask(command.stopReason)) return
    await changeTask(this.#context.directory, this.#id, { heartbeatAt: new Date().toISOString() }, { sync: false })
  }

  async #finish ({ attempt, command }: StoppableCommand, { outcome, stopReason }: Result): Promise<void> {
    const { ageMs } = command
    await this.#writeOutcome(attempt, outcome, stopReason)
    const seconds = ageMs === null ? '' : `, ${(ageMs / 1000).toFixed(1)} s`
    this.#log(`${losesTask(stopReason) ? stopReason : outcome.status} (exit code ${outcome.exitCode}${seconds})`)
  }

  /** The record is removed only after the outcome is written. The next task need not wait for that. */
  async #writeOutcome (attempt: Attempt, fields: Outcome, stopReason: StopReason | undefined): Promise<void> {
    const { directory, identity, hurry, state, pendingOutcomes } = this.#context
    const outcome = { completedAt: new Date().toISOString(), ...fields }
    const isSettled = stopReason === 'disowned' || (stopReason === 'deleted'
      ? await removeDeletedTask(directory, identity, this.#id)
      : await writeOutcome(this.#context, this.#id, outcome))
    if (isSettled) state.forgetFinished(attempt)
    else if (!hurry.aborted) pendingOutcomes.add(this.#id, outcome, attempt)
  }

  #send (event: RunEvent): void {
    this.#phase = nextRunPhase(this.#phase, event)
    this.#onChange()
  }

  #log (what: string): void {
    this.#context.logger.info(`${this.#id} ${what}`)
  }
}
