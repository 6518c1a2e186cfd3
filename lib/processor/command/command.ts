import { basename } from 'node:path'
import { ATTEMPT_VARIABLE, ProcessGroup } from '../os/process-group.ts'
import { ageMs, hasVariable, isRunning, isShortage } from '../os/process-stat.ts'
import { TaskCgroup } from '../os/task-cgroup.ts'
import type { Attempt } from '../state/attempt.ts'
import { isGateDecided, neverStarted, type AttemptRecord } from '../state/attempt-record.ts'
import { MAX_FINISH_MS, OutputDrain } from './output-drain.ts'

/**
 * How long after the command's exit the wrapper may record the exit code, in ms. After that, the wrapper has been killed
 * or is slow.
 */
const EXIT_REPORT_MS = 2_000

/** The command of an attempt, started by this processor or adopted from an earlier one. */
export class Command {
  readonly #attempt: Attempt
  /** Undefined if the machine was restarted since, or the recorded pids belong to other processes. */
  readonly #group: ProcessGroup | undefined
  readonly #cgroup: TaskCgroup | undefined
  /** The process that supervises the command and writes its output to the log. */
  readonly #wrapper: ProcessGroup | undefined
  readonly #hurry: AbortSignal
  /** The command's exit code, as soon as it has exited; 128 plus the number of a signal. Null: unknown. */
  readonly exitCode: Promise<number | null>

  /**
   * @param hurry aborted when the processor must exit now: unknown results are given up
   * @param forksBefore `forkCount()` before this processor started it; undefined: an earlier processor started it
   */
  constructor (attempt: Attempt, hurry: AbortSignal, forksBefore?: number) {
    this.#attempt = attempt
    this.#hurry = hurry
    const { header, leader, wrapper } = attempt.record
    const isOwn = forksBefore !== undefined
    const isHere = isOwn || (attempt.isOfThisBoot && unlessShort(() => hasNonce(attempt.record), true))
    // ignore a cgroup whose name does not match the attempt
    this.#cgroup = header.cgroup !== undefined && basename(header.cgroup) === attempt.name ? new TaskCgroup(header.cgroup) : undefined
    this.#group = isHere && leader ? new ProcessGroup(leader, header.nonce, { cgroup: this.#cgroup, ...(isOwn && { forksBefore }) }) : undefined
    this.#wrapper = isHere && wrapper ? new ProcessGroup(wrapper, header.nonce) : undefined
    this.exitCode = this.#awaitExit()
  }

  /** How long the command has been running, in ms. Null if that is unknown (now), or the machine was restarted. */
  get ageMs (): number | null {
    const { leader } = this.#attempt.record
    return this.#group && leader ? unlessShort(() => ageMs(leader), null) : null
  }

  /** Whether the command itself is running; true if that cannot be determined now. */
  isRunning (): boolean {
    return unlessShort(() => this.#group?.isLeaderRunning() ?? false, true)
  }

  /**
   * Resolves once the command has started or is known never to start; the waiting process may be delayed, for example
   * by a slow disk.
   */
  async started (): Promise<void> {
    await this.#attempt.until((record) => isGateDecided(record, isRunning))
  }

  /**
   * Terminates all its processes, also those that outlived the command: TERM, and KILL after `graceMs`.
   * @returns false if some cannot be killed
   */
  async terminate (graceMs: number): Promise<boolean> {
    const allGone = await this.#group?.terminate(graceMs) ?? true
    this.#cgroup?.remove()
    return allGone
  }

  /**
   * Resolves when the log contains all output and will not change any more. It waits while the disk is full. Call it
   * when the command's processes have exited.
   * @param logSize returns the current size of the log, in bytes
   * @returns the exit code of the log's writer; null: it was killed
   */
  async drain (logSize: () => number): Promise<number | null> {
    const wrapper = this.#wrapper
    const { header, leader, wrapper: watcher } = this.#attempt.record
    if (wrapper === undefined || watcher === undefined || leader === undefined) return this.#attempt.record.drained ?? null
    const drain = new OutputDrain(performance.now())
    const { drained } = await this.#attempt.until(({ drained, full }) => {
      if (drained !== undefined || (!isRunning(watcher) && wrapper.members().length === 0)) return true
      const action = drain.next({
        now: performance.now(),
        isDiskFull: full === true,
        isHurried: this.#hurry.aborted,
        finishesOnSignal: header.finishes === true,
        logSize,
        isIdle: () => wrapper.isIdle()
      })
      if (action === 'finish') wrapper.signalLeader('SIGUSR1')
      else if (action === 'kill') wrapper.terminate(0)
      return false
    })
    return drained ?? null
  }

  async #awaitExit (): Promise<number | null> {
    const { header } = this.#attempt.record
    let goneSince: number | undefined
    const { exitCode } = await this.#attempt.until(({ exitCode, leader }) => {
      if (exitCode !== undefined || this.#group === undefined || leader === undefined) return true
      if (isRunning(leader)) return false
      goneSince ??= performance.now()
      const goneMs = performance.now() - goneSince
      if (goneMs <= EXIT_REPORT_MS) return false
      // the wrapper is slow, stopped, or waiting for free disk space
      const canReport = this.#wrapper?.isLeaderRunning() === true && !this.#hurry.aborted
      if (canReport && header.finishes === true) this.#wrapper?.signalLeader('SIGUSR1')
      return !canReport || goneMs > MAX_FINISH_MS
    })
    // the recorded exit code is then that of the process at the gate, not the command's
    return neverStarted(this.#attempt.record) ? null : exitCode ?? null
  }
}

/** Returns a fallback if the process cannot be inspected right now (out of descriptors or memory). */
function unlessShort<T> (inspect: () => T, fallback: T): T {
  try {
    return inspect()
  } catch (error) {
    if (isShortage(error)) return fallback
    throw error
  }
}

/**
 * Whether a recorded process that is running carries the nonce of the attempt or of its fork server; true if none is
 * running. The wrapper's environment counts as well: a command may overwrite its own, as some do to show a title.
 */
function hasNonce ({ header, wrapper, leader }: AttemptRecord): boolean {
  const running = [wrapper, leader].filter((process) => process !== undefined).filter(isRunning)
  const nonces = [header.nonce, header.forkServer].filter((nonce) => nonce !== undefined)
  return running.length === 0 || running.some(({ pid }) => nonces.some((nonce) => hasVariable(pid, ATTEMPT_VARIABLE, nonce)))
}
