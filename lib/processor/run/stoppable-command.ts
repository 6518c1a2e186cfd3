import type { Command } from '../command/command.ts'
import type { Logger } from '../logger.ts'
import type { Attempt } from '../state/attempt.ts'
import { losesTask, nextStopReason, type StopReason } from './stop-reason.ts'

export interface StoppableCommandOptions {
  /** From TERM to KILL, in ms. */
  readonly graceMs: number
  readonly logger: Logger
}

/** A started command, and why the processor stops it. */
export class StoppableCommand {
  readonly attempt: Attempt
  readonly command: Command
  readonly #logger: Logger
  #graceMs: number
  #stopReason: StopReason | undefined

  constructor (attempt: Attempt, command: Command, { graceMs, logger }: StoppableCommandOptions) {
    this.attempt = attempt
    this.command = command
    this.#logger = logger
    this.#graceMs = graceMs
    // an earlier processor may have been stopping it
    this.#stopReason = attempt.record.stop
  }

  /** Undefined: it is not stopped by the processor. */
  get stopReason (): StopReason | undefined {
    return this.#stopReason
  }

  /**
   * Terminates the command for that reason, unless it has exited by itself.
   * @param graceMs from TERM to KILL; a repeated call can only shorten it
   */
  stop (reason: StopReason, graceMs = this.#graceMs): void {
    const before = this.#stopReason
    this.#graceMs = Math.min(this.#graceMs, graceMs)
    this.#stopReason = nextStopReason(before, reason, this.command.isRunning())
    if (before === undefined && this.#stopReason === reason && !losesTask(reason)) this.#recordStop(reason)
    this.command.terminate(this.#graceMs)
  }

  /** Terminates every process that is left, within the grace period. */
  async terminate (): Promise<boolean> {
    return await this.command.terminate(this.#graceMs)
  }

  /** For a processor that adopts the command while it is being terminated. A full disk does not prevent the termination. */
  #recordStop (reason: StopReason): void {
    try {
      this.attempt.append(`stop ${reason}`)
    } catch (error) {
      this.#logger.warn(`${this.attempt.record.header.id}: could not record the stop reason: ${(error as Error).message}`)
    }
  }
}
