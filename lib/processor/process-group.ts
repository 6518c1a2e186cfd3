import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const TERM_AGAIN_MS = 5_000
const UNKILLABLE_MS = 30_000
const LONGEST_PAUSE_MS = 200

export interface ProcessStat {
  readonly pid: number
  readonly state: string
  readonly group: number
  readonly session: number
}

/** Reads `/proc/PID/stat`; undefined where the text is not one. */
export function parseProcessStat (text: string): ProcessStat | undefined {
  // the name, in parentheses, may itself hold spaces and parentheses
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', , group, session] = fields
  const pid = parseInt(text, 10)
  return group === undefined || Number.isNaN(pid) ? undefined : { pid, state, group: Number(group), session: Number(session) }
}

/**
 * The processes of one command: those with its leader's group or session. A process that makes a session of its own
 * (`setsid`) has left it.
 */
export class ProcessGroup {
  readonly #leader: number
  #killAt = Infinity
  #ended: Promise<boolean> | undefined

  /** @param leader pid of the process that leads the group and the session */
  constructor (leader: number) {
    this.#leader = leader
  }

  /** Whether the leader has not ended by itself yet. */
  leaderLives (): boolean {
    const stat = readStat(this.#leader)
    return stat !== undefined && this.#isMember(stat)
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

  async #end (): Promise<boolean> {
    let nextTerm = 0
    let killedAt: number | undefined
    for (let pause = 5; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const members = this.#members()
      if (members.length === 0) return true
      const now = performance.now()
      if (now >= this.#killAt) {
        killedAt ??= now
        if (now - killedAt > UNKILLABLE_MS) return false
        this.#signal(members, 'SIGKILL')
      } else if (now >= nextTerm) {
        this.#signal(members, 'SIGTERM')
        nextTerm = now + TERM_AGAIN_MS
      }
      await sleep(Math.min(pause, Math.max(this.#killAt - now, 5)))
    }
  }

  #members (): ProcessStat[] {
    const members: ProcessStat[] = []
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined
      if (stat !== undefined && this.#isMember(stat)) members.push(stat)
    }
    return members
  }

  /** `kill(-group, 0)` would count zombies too, and as pid 1 nobody reaps those. */
  #isMember ({ state, group, session }: ProcessStat): boolean {
    return !/[ZXx]/.test(state) && (group === this.#leader || session === this.#leader)
  }

  /** The group at one stroke, so that a process can't escape by forking; other groups of the session one by one. */
  #signal (members: ProcessStat[], signal: 'SIGTERM' | 'SIGKILL'): void {
    if (members.some(({ group }) => group === this.#leader)) kill(-this.#leader, signal)
    for (const { pid, group } of members) if (group !== this.#leader) kill(pid, signal)
  }
}

function kill (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // it has just ended, or belongs to another user: the next look tells
  }
}

function readStat (pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}
