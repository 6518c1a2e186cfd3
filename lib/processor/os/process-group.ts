import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { forkCount, pidsAfter } from './pid-range.ts'
import { exists, hasVariable, isRunning, isShortage, isZombie, readProcessStat, type ProcessIdentity, type ProcessStat } from './process-stat.ts'
import type { TaskCgroup } from './task-cgroup.ts'

const TERM_INTERVAL_MS = 5_000
/** How long processes may survive KILL before `terminate` gives up, in ms. */
const UNKILLABLE_MS = 30_000
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 200
/**
 * Number of rechecks when processes match by group but carry no nonce: during `execve` a process has no readable
 * environment.
 */
const DOUBTFUL_RECHECKS = 8
/** Up to this age of a command, in ms, only pids that were allocated since its start are examined. */
const YOUNG_MS = 500

/** The variable that identifies the processes of one attempt; its value is the attempt's nonce. */
export const ATTEMPT_VARIABLE = 'TASK_ATTEMPT'

export interface ProcessGroupOptions {
  readonly cgroup?: TaskCgroup | undefined
  /** `forkCount()` before the leader was created; it limits how many pids are examined. Default: NaN, unknown. */
  readonly forksBefore?: number
}

/**
 * The processes of one command: those of its leader's group or session, and of its cgroup if it has one. Without a
 * cgroup, a process that creates its own session (`setsid`) is no longer a member.
 *
 * Never signal a process just because its pid matches. While the leader exists, its group and session ids are
 * unambiguous; afterwards at least one member must already be known or carry the attempt's nonce in its environment.
 */
export class ProcessGroup {
  readonly #leader: ProcessIdentity
  readonly #nonce: string
  readonly #cgroup: TaskCgroup | undefined
  readonly #forksBefore: number
  readonly #createdAt = performance.now()
  /** Start ticks of the members found last, by pid. */
  #known = new Map<number, number>()
  /** Whether the last search found processes that match by number and could not be identified. */
  #isDoubtful = false
  #killAt = Infinity
  #terminated: Promise<boolean> | undefined

  /** @param leader the process that leads the group and the session, started in this boot of the machine */
  constructor (leader: ProcessIdentity, nonce: string, { cgroup, forksBefore = NaN }: ProcessGroupOptions = {}) {
    this.#leader = leader
    this.#nonce = nonce
    this.#cgroup = cgroup
    this.#forksBefore = forksBefore
  }

  isLeaderRunning (): boolean {
    return isRunning(this.#leader)
  }

  /** Signals the leader if it is still running. */
  signalLeader (signal: NodeJS.Signals): void {
    if (this.isLeaderRunning()) kill(this.#leader.pid, signal)
  }

  /** Whether all members sleep interruptibly: none is computing or waiting for a disk. */
  isIdle (): boolean {
    return this.members().every(({ state }) => state === 'S')
  }

  /**
   * Sends TERM now and every 5 s, and KILL after the grace period, until there are no members. A later call with a
   * shorter grace period brings the KILL forward.
   * @returns false if members still exist 30 s after the KILL
   */
  terminate (graceMs: number): Promise<boolean> {
    this.#killAt = Math.min(this.#killAt, performance.now() + graceMs)
    this.#terminated ??= this.#terminate()
    return this.#terminated
  }

  /** All members without zombies: `kill(-group, 0)` would count those, and a pid 1 that does not reap keeps them. */
  members (): ProcessStat[] {
    const session = this.#findSession()
    const own = this.#areOwn(session) ? session : []
    this.#isDoubtful = own.length < session.length
    this.#known = new Map(own.map(({ pid, startTicks }) => [pid, startTicks]))
    const pids = new Set(own.map(({ pid }) => pid))
    const others = this.#cgroup?.pids().filter((pid) => !pids.has(pid)).map(readProcessStat) ?? []
    return [...own, ...others.filter((stat) => stat !== undefined).filter((stat) => !isZombie(stat))]
  }

  /** The processes whose group or session has the leader's number. */
  #findSession (): ProcessStat[] {
    const { pid: leader, startTicks } = this.#leader
    const session: ProcessStat[] = []
    // for older commands, pids may have wrapped around
    const forks = performance.now() - this.#createdAt < YOUNG_MS ? forkCount() - this.#forksBefore : NaN
    const names = readdirSync('/proc')
    // after the listing: a process that was created in between must not be left out
    const mayBelong = pidsAfter(leader, forks)
    for (const name of names) {
      const stat = /^\d+$/.test(name) && mayBelong(Number(name)) ? readProcessStat(Number(name)) : undefined
      if (stat === undefined || isZombie(stat)) continue
      // before `setsid`, the leader is still in the session of its parent
      const isLeader = stat.pid === leader && stat.startTicks === startTicks
      if (isLeader || stat.group === leader || stat.session === leader) session.push(stat)
    }
    return session
  }

  #areOwn (session: ProcessStat[]): boolean {
    return exists(this.#leader) || session.some(({ pid, startTicks }) =>
      this.#known.get(pid) === startTicks || hasVariable(pid, ATTEMPT_VARIABLE, this.#nonce))
  }

  async #terminate (): Promise<boolean> {
    let nextTerm = 0
    let killedAt: number | undefined
    let rechecks = 0
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const members = this.#tryMembers()
      if (members?.length === 0 && !(this.#isDoubtful && rechecks++ < DOUBTFUL_RECHECKS)) return true
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
        nextTerm = now + TERM_INTERVAL_MS
      }
      await sleep(Math.min(pause, Math.max(this.#killAt - now, FIRST_PAUSE_MS)))
    }
  }

  /** Undefined if the members cannot be listed now (out of descriptors or memory). */
  #tryMembers (): ProcessStat[] | undefined {
    try {
      return this.members()
    } catch (error) {
      if (isShortage(error)) return undefined
      throw error
    }
  }

  /** Signals the group in one call, so that a process cannot escape by forking, and members of other groups one by one. */
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
    // it has just exited or belongs to another user: the next search shows it
  }
}
