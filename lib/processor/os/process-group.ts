import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ageMs, exists, forkCount, hasVariable, isRunning, isShortage, isZombie, pidsAfter, readProcessStat, type ProcessIdentity, type ProcessStat
} from './process-stat.ts'
import type { TaskCgroup } from './task-cgroup.ts'

const TERM_AGAIN_MS = 5_000
const UNKILLABLE_MS = 30_000
const LONGEST_PAUSE_MS = 200
/**
 * Number of rechecks when processes match by group but carry no nonce: during `execve` a process has no readable
 * environment.
 */
const DOUBTFUL_LOOKS = 8
/** How young a command is of which only some numbers are looked at. */
const YOUNG_MS = 500

/** The variable by which the processes of one attempt at a task can be told. */
export const ATTEMPT_VARIABLE = 'TASK_ATTEMPT'

/**
 * The processes of one command: those of its leader's group or session, and of its cgroup where it has one. Without
 * a cgroup, a process that makes a session of its own (`setsid`) has left it.
 *
 * Never signal a process just because its pid matches. While the leader exists, its group and session ids are
 * unambiguous; afterwards at least one member must already be known or carry the attempt's nonce in its environment.
 */
export class ProcessGroup {
  readonly #leader: ProcessIdentity
  readonly #nonce: string
  readonly #cgroup: TaskCgroup | undefined
  readonly #forksBefore: number
  #known = new Map<number, number>()
  #isDoubtful = false
  #killAt = Infinity
  #ended: Promise<boolean> | undefined

  /**
   * @param leader the process that leads the group and the session; it was started in this boot of the machine
   * @param forksBefore `forkCount()` of some time before it was made: the fewer processes must be looked at. Default: not known
   */
  constructor (leader: ProcessIdentity, nonce: string, { cgroup, forksBefore = NaN }: { cgroup?: TaskCgroup | undefined, forksBefore?: number } = {}) {
    this.#leader = leader
    this.#nonce = nonce
    this.#cgroup = cgroup
    this.#forksBefore = forksBefore
  }

  /** Whether the leader has not ended by itself yet. */
  leaderRuns (): boolean {
    return isRunning(this.#leader)
  }

  /** If it is still there. */
  signalLeader (signal: NodeJS.Signals): void {
    if (this.leaderRuns()) kill(this.#leader.pid, signal)
  }

  /** Whether all that is left of it waits for something to come: nobody computes, or waits for a disk. */
  isIdle (): boolean {
    return this.members().every(({ state }) => state === 'S')
  }

  /**
   * TERM now and every 5 s; KILL once the grace is over; until nobody is left. A later call with a shorter grace
   * brings the KILL forward.
   * @returns false: some are still there 30 s after the KILL
   */
  end (graceMs: number): Promise<boolean> {
    this.#killAt = Math.min(this.#killAt, performance.now() + graceMs)
    this.#ended ??= this.#end()
    return this.#ended
  }

  /** Those that are there and no zombies: `kill(-group, 0)` would count these too, and as pid 1 nobody reaps them. */
  members (): ProcessStat[] {
    const { pid: leader, startTicks } = this.#leader
    const session: ProcessStat[] = []
    // for older commands, pids may have wrapped around
    const forks = ageMs(this.#leader) < YOUNG_MS ? forkCount() - this.#forksBefore : NaN
    const names = readdirSync('/proc')
    // not before: who was made between the two belongs, too
    const mayBelong = pidsAfter(leader, forks)
    for (const name of names) {
      const stat = /^\d+$/.test(name) && mayBelong(Number(name)) ? readProcessStat(Number(name)) : undefined
      if (stat === undefined || isZombie(stat)) continue
      // at first, the leader is still in the session of the shell that made it
      const leads = stat.pid === leader && stat.startTicks === startTicks
      if (leads || stat.group === leader || stat.session === leader) session.push(stat)
    }
    const own = this.#areOwn(session) ? session : []
    this.#isDoubtful = own.length < session.length
    this.#known = new Map(own.map(({ pid, startTicks }) => [pid, startTicks]))
    const pids = new Set(own.map(({ pid }) => pid))
    const others = this.#cgroup?.pids().filter((pid) => !pids.has(pid)).map(readProcessStat) ?? []
    return [...own, ...others.filter((stat) => stat !== undefined && !isZombie(stat)) as ProcessStat[]]
  }

  #areOwn (session: ProcessStat[]): boolean {
    return exists(this.#leader) || session.some(({ pid, startTicks }) =>
      this.#known.get(pid) === startTicks || hasVariable(pid, ATTEMPT_VARIABLE, this.#nonce))
  }

  async #end (): Promise<boolean> {
    let nextTerm = 0
    let killedAt: number | undefined
    let doubts = 0
    for (let pause = 5; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const members = this.#look()
      if (members?.length === 0 && !(this.#isDoubtful && doubts++ < DOUBTFUL_LOOKS)) return true
      const now = performance.now()
      if (now >= this.#killAt) {
        killedAt ??= now
        if (now - killedAt > UNKILLABLE_MS) return false
        this.#cgroup?.kill()
        this.#signal(members ?? [], 'SIGKILL')
      } else if (members !== undefined && now >= nextTerm) {
        this.#signal(members, 'SIGTERM')
        // stopped processes receive SIGTERM only after SIGCONT
        this.#signal(members, 'SIGCONT')
        nextTerm = now + TERM_AGAIN_MS
      }
      await sleep(Math.min(pause, Math.max(this.#killAt - now, 5)))
    }
  }

  /** Undefined: that can't be seen now. */
  #look (): ProcessStat[] | undefined {
    try {
      return this.members()
    } catch (error) {
      if (isShortage(error)) return undefined
      throw error
    }
  }

  /** The group at one stroke, so that a process can't escape by forking; others one by one. */
  #signal (members: ProcessStat[], signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): void {
    const leader = this.#leader.pid
    if (members.some(({ group }) => group === leader)) kill(-leader, signal)
    for (const { pid, group } of members) if (group !== leader) kill(pid, signal)
  }
}

function kill (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // it has just ended, or belongs to another user: the next look tells
  }
}
