import type { Attempt } from './attempt.ts'
import { ProcessGroup } from './process-group.ts'
import { ageMs, isRunning, readBootId } from './process-stat.ts'
import { TaskCgroup } from './task-cgroup.ts'

/** How long an exit code may come after the command's end, in ms: the shell that records it has been killed then. */
const REPORT_MS = 2_000
/** How long is waited for output that a process outside the group can still write, in ms. */
const DRAIN_MS = 5_000
const DRAIN_LOOK_MS = 500

/** Of this start of the machine. */
export const bootId = readBootId()

/** One command that was begun, by this processor or by an earlier one: its processes and its output. */
export class Command {
  readonly #attempt: Attempt
  /** Undefined: the machine was restarted since. */
  readonly #group: ProcessGroup | undefined
  readonly #cgroup: TaskCgroup | undefined
  /** The shell that watches over it, and the log's writer. */
  readonly #wrapper: ProcessGroup | undefined
  /** The command's exit code, as soon as it has ended; 128 and its number for a signal. Null: nobody knows it. */
  readonly exitCode: Promise<number | null>

  constructor (attempt: Attempt) {
    this.#attempt = attempt
    const { header, leader, wrapper } = attempt.record
    const here = header.bootId === bootId
    this.#cgroup = header.cgroup === undefined ? undefined : new TaskCgroup(header.cgroup)
    this.#group = here && leader ? new ProcessGroup(leader, header.nonce, this.#cgroup) : undefined
    this.#wrapper = here && wrapper ? new ProcessGroup(wrapper, header.nonce) : undefined
    this.exitCode = this.#awaitExit()
  }

  /** Since when it runs, in ms. Null: nobody knows, since the machine was restarted. */
  get ageMs (): number | null {
    const { leader } = this.#attempt.record
    return this.#group && leader ? ageMs(leader) : null
  }

  /** Whether it has not ended by itself yet. */
  lives (): boolean {
    return this.#group?.leaderRuns() ?? false
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
   * @param hurry aborted: what could not be written is given up
   * @returns the exit code of the log's writer; null: it was killed
   */
  async drain (logSize: () => number, hurry: AbortSignal): Promise<number | null> {
    const wrapper = this.#wrapper
    const { leader, wrapper: shell } = this.#attempt.record
    if (wrapper === undefined || shell === undefined || leader === undefined) return this.#attempt.record.drained ?? null
    let since = performance.now()
    let looked = since
    let size = -1
    const { drained } = await this.#attempt.until(({ drained, full }) => {
      if (drained !== undefined || (!isRunning(shell) && wrapper.members().length === 0)) return true
      const now = performance.now()
      if (full && !hurry.aborted) {
        since = now
        return false
      }
      if (now - looked < DRAIN_LOOK_MS) return false
      looked = now
      const before = size
      size = logSize()
      // the end of the output is held back by a process that left the group, perhaps for ever
      if (size === before || now - since > DRAIN_MS) wrapper.end(0)
      return false
    })
    return drained ?? null
  }

  async #awaitExit (): Promise<number | null> {
    let goneSince: number | undefined
    const { exitCode } = await this.#attempt.until(({ exitCode, leader }) => {
      if (exitCode !== undefined || this.#group === undefined || leader === undefined) return true
      if (isRunning(leader)) return false
      goneSince ??= performance.now()
      return performance.now() - goneSince > REPORT_MS
    })
    return exitCode ?? null
  }
}
