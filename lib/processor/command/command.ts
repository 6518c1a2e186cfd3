import { basename } from 'node:path'
import type { Attempt } from '../state/attempt.ts'
import { ATTEMPT_VARIABLE, ProcessGroup } from '../os/process-group.ts'
import { ageMs, hasVariable, isRunning, isShortage, readBootId, type ProcessIdentity } from '../os/process-stat.ts'
import { neverStarted, type AttemptRecord } from '../state/attempt-record.ts'
import { TaskCgroup } from '../os/task-cgroup.ts'

/** How long an exit code may come after the command's end, in ms; later, the wrapper that records it has been killed, or is slow. */
const REPORT_MS = 2_000
/** How long is waited for output that a process outside the group can still write, in ms. */
const DRAIN_MS = 5_000
const DRAIN_LOOK_MS = 500
/** How long a wrapper that was told to finish may take for what it still holds, in ms: its disk may be slow. */
const FINISH_MS = 30_000

/** Of this start of the machine. */
export const bootId = readBootId()

/** A started command, launched by this processor or adopted from an earlier one. */
export class Command {
  readonly #attempt: Attempt
  /** Undefined: the machine was restarted since, or the processes that have these numbers are others. */
  readonly #group: ProcessGroup | undefined
  readonly #cgroup: TaskCgroup | undefined
  /** What watches over it, and takes its output to the log. */
  readonly #wrapper: ProcessGroup | undefined
  readonly #hurry: AbortSignal
  /** The command's exit code, as soon as it has ended; 128 and its number for a signal. Null: nobody knows it. */
  readonly exitCode: Promise<number | null>

  /**
   * @param hurry aborted: what is not known then is given up
   * @param forksBefore `forkCount()` of before it was launched by this processor. Default: an earlier one launched it
   */
  constructor (attempt: Attempt, hurry: AbortSignal, forksBefore?: number) {
    this.#attempt = attempt
    this.#hurry = hurry
    const { header, leader, wrapper } = attempt.record
    const launchedHere = forksBefore !== undefined
    const here = launchedHere || (header.bootId === bootId && unlessShort(() => isVouchedFor(attempt.record), true))
    // ignore a cgroup whose name does not match the attempt
    this.#cgroup = header.cgroup !== undefined && basename(header.cgroup) === attempt.name ? new TaskCgroup(header.cgroup) : undefined
    this.#group = here && leader ? new ProcessGroup(leader, header.nonce, { cgroup: this.#cgroup, ...(forksBefore !== undefined && { forksBefore }) }) : undefined
    this.#wrapper = here && wrapper ? new ProcessGroup(wrapper, header.nonce) : undefined
    this.exitCode = this.#awaitExit()
  }

  /** Since when it runs, in ms. Null: that can't be told (now), or the machine was restarted. */
  get ageMs (): number | null {
    const { leader } = this.#attempt.record
    return this.#group && leader ? unlessShort(() => ageMs(leader), null) : null
  }

  /** Whether it has not been seen to end by itself yet. */
  lives (): boolean {
    return unlessShort(() => this.#group?.leaderRuns() ?? false, true)
  }

  /**
   * Resolves once the command has started or is known never to start; the waiting process may be delayed, for example
   * by a slow disk.
   */
  async begun (): Promise<void> {
    await this.#attempt.until(({ gate, leader }) => gate !== undefined || leader === undefined || !isRunning(leader))
  }

  /**
   * Ends all its processes, also those that it left behind: TERM, and KILL after `graceMs`.
   * @returns false: some can't be killed
   */
  async end (graceMs: number): Promise<boolean> {
    const allGone = await this.#group?.end(graceMs) ?? true
    this.#cgroup?.remove()
    return allGone
  }

  /**
   * To be called when its processes have ended: resolves when its output is in the log, and nothing more will come.
   * It waits while the disk is full.
   * @param logSize tells how large the log is now
   * @returns the exit code of the log's writer; null: it was killed
   */
  async drain (logSize: () => number): Promise<number | null> {
    const wrapper = this.#wrapper
    const { header, leader, wrapper: watching } = this.#attempt.record
    if (wrapper === undefined || watching === undefined || leader === undefined) return this.#attempt.record.drained ?? null
    let since = performance.now()
    let looked = since
    let size = -1
    const { drained } = await this.#attempt.until(({ drained, full }) => {
      if (drained !== undefined || (!isRunning(watching) && wrapper.members().length === 0)) return true
      const now = performance.now()
      if (full && !this.#hurry.aborted) {
        since = now
        return false
      }
      if (now - looked < DRAIN_LOOK_MS) return false
      looked = now
      const before = size
      size = logSize()
      if (size !== before && now - since <= DRAIN_MS) return false
      // the pipe is kept open by a process outside the group, possibly forever, or by a slow disk
      const patient = now - since <= FINISH_MS && !this.#hurry.aborted
      if (patient && header.finishes === true) wrapper.signalLeader('SIGUSR1')
      else if (!patient || wrapper.isIdle()) wrapper.end(0)
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
      if (goneMs <= REPORT_MS) return false
      // it is slow, or stopped, or waits for room in the record
      const lives = this.#wrapper?.leaderRuns() === true && !this.#hurry.aborted
      if (lives && header.finishes === true) this.#wrapper?.signalLeader('SIGUSR1')
      return !lives || goneMs > FINISH_MS
    })
    // what it was then is no exit code of the command's
    return neverStarted(this.#attempt.record) ? null : exitCode ?? null
  }
}

/** Returns a fallback if the process cannot be inspected right now (out of descriptors or memory). */
function unlessShort<T> (look: () => T, otherwise: T): T {
  try {
    return look()
  } catch (error) {
    if (isShortage(error)) return otherwise
    throw error
  }
}

/**
 * Whether a process that the record names and that runs carries the attempt's nonce or its launcher's, if there is one. The wrapper's
 * word counts too: a command may overwrite its environment, as some do to show a title.
 */
function isVouchedFor ({ header, wrapper, leader }: AttemptRecord): boolean {
  const running = [wrapper, leader].filter((process) => process !== undefined && isRunning(process)) as ProcessIdentity[]
  const nonces = [header.nonce, header.launcher].filter((nonce) => nonce !== undefined)
  return running.length === 0 || running.some(({ pid }) => nonces.some((nonce) => hasVariable(pid, ATTEMPT_VARIABLE, nonce)))
}
