import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { errorCode } from '../../util/error-code.ts'

/** Start times in `/proc` are in these, whatever the kernel's own clock does: it is part of the system's interface. */
const MS_PER_TICK = 10

/** One process of one boot: a pid alone is given again to others. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from the machine's start to the process's. */
  readonly startTicks: number
}

export interface ProcessStat extends ProcessIdentity {
  readonly state: string
  readonly group: number
  readonly session: number
}

/** Reads `/proc/PID/stat` (proc(5)); undefined where the text is not one. */
export function parseProcessStat (text: string): ProcessStat | undefined {
  // the name, in parentheses, may itself hold spaces and parentheses
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', , group, session] = fields
  const pid = parseInt(text, 10)
  const startTicks = Number(fields[19])
  if (group === undefined || Number.isNaN(pid) || Number.isNaN(startTicks)) return undefined
  return { pid, state, group: Number(group), session: Number(session), startTicks }
}

/** Room for one line: its numbers take about 300 bytes, its name 64 at most. */
const line = Buffer.alloc(2048)

/** Whether the system lacks what it takes to look: what could not be seen now can be seen later. */
export function isShortage (error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(errorCode(error))
}

/**
 * Called for all processes of a machine, so it copies little. Undefined: there is no such process (any more).
 * @throws the system's error where that can't be seen now
 */
export function readProcessStat (pid: number): ProcessStat | undefined {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r')
    return parseProcessStat(line.toString('latin1', 0, readSync(fd, line)))
  } catch (error) {
    // too many open files say nothing about that process
    if (isShortage(error)) throw error
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** How many processes and threads were made since the machine's start (proc(5)). */
export function forkCount (): number {
  return Number(/^processes (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? NaN)
}

/** The number given last in this namespace; also to a process that then could not be made (cgroup limits). */
function lastPid (): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1))
}

/**
 * Returns a predicate for pids that may belong to processes created after `first`. Pids are allocated sequentially and
 * wrap around at pid_max, so after `forks` forks they lie within a bounded distance.
 * @param forks how many processes and threads were made since; of other namespaces, too
 * @param last the number given last. Where it is farther than that, numbers were used up by processes that were never made
 */
export function pidsAfter (first: number, forks: number, last = lastPid()): (pid: number) => boolean {
  const most = Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'))
  const distance = (pid: number) => (pid - first + most) % most
  // numbers in use: far fewer than an eighth of all
  const reach = 2 * forks + most / 8
  // else they may have gone all the way round
  const isNear = reach < most && distance(last) <= reach
  return isNear ? (pid) => distance(pid) <= distance(last) : () => true
}

/** A zombie does nothing any more; as pid 1's child it may stay for ever. */
export function isZombie ({ state }: ProcessStat): boolean {
  return /[ZXx]/.test(state)
}

/** Whether that very process is there; a zombie still keeps its pid from others. */
export function exists ({ pid, startTicks }: ProcessIdentity): boolean {
  return readProcessStat(pid)?.startTicks === startTicks
}

export function isRunning ({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = readProcessStat(pid)
  return stat?.startTicks === startTicks && !isZombie(stat)
}

/**
 * For how long a process of this boot has been there, in ms; no change of the clock alters it. By this process's own
 * age: containers may be shown an uptime of their own, and the start ticks of the machine.
 */
export function ageMs ({ startTicks }: ProcessIdentity): number {
  ownStartTicks ??= readProcessStat(process.pid)!.startTicks
  return Math.max(0, process.uptime() * 1000 + (ownStartTicks - startTicks) * MS_PER_TICK)
}

let ownStartTicks: number | undefined

/** Changes on every boot. */
export function readBootId (): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/** Whether a process was started with that variable. Another user's can be read by root alone. */
export function hasVariable (pid: number, name: string, value: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${name}=${value}\0`)
  } catch (error) {
    if (isShortage(error)) throw error
    return false
  }
}
