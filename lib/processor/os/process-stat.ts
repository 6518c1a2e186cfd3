import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { errorCode } from '../../util/error-code.ts'

/** The unit of start times in `/proc`, fixed by the system's interface for all kernel configurations. */
const MS_PER_TICK = 10

/** Identifies one process of one boot: the system reuses pids. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from the machine's start to the process's start. */
  readonly startTicks: number
}

export interface ProcessStat extends ProcessIdentity {
  readonly state: string
  readonly group: number
  readonly session: number
}

/** Parses the text of `/proc/PID/stat` (proc(5)); undefined if it is malformed. */
export function parseProcessStat (text: string): ProcessStat | undefined {
  // the name, in parentheses, may itself contain spaces and parentheses
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', , group, session] = fields
  const pid = parseInt(text, 10)
  const startTicks = Number(fields[19])
  if (group === undefined || Number.isNaN(pid) || Number.isNaN(startTicks)) return undefined
  return { pid, state, group: Number(group), session: Number(session), startTicks }
}

/** Whether an error means that this process is out of descriptors or memory, so that the same call can succeed later. */
export function isShortage (error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes(errorCode(error))
}

/** Scratch space for one line: its numbers take about 300 bytes, its name 64 at most. */
const scratch = Buffer.alloc(2048)

/**
 * Reads one process. It is called for all processes of a machine, so it avoids copies.
 * @returns undefined if the process does not exist
 * @throws the system's error if this process is out of descriptors or memory
 */
export function readProcessStat (pid: number): ProcessStat | undefined {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r')
    return parseProcessStat(scratch.toString('latin1', 0, readSync(fd, scratch)))
  } catch (error) {
    // too many open files do not mean that the process is gone
    if (isShortage(error)) throw error
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** A zombie runs nothing any more; as a child of a pid 1 that does not reap, it may stay until that exits. */
export function isZombie ({ state }: ProcessStat): boolean {
  return /[ZXx]/.test(state)
}

/** Whether exactly this process exists. True for a zombie, whose pid cannot be reused yet. */
export function exists ({ pid, startTicks }: ProcessIdentity): boolean {
  return readProcessStat(pid)?.startTicks === startTicks
}

/** Whether exactly this process exists and is not a zombie. */
export function isRunning ({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = readProcessStat(pid)
  return stat?.startTicks === startTicks && !isZombie(stat)
}

/**
 * The age of a process of this boot, in ms, independent of changes of the clock. It is computed from this process's own
 * age: a container may be shown an uptime of its own together with the start ticks of the machine.
 */
export function ageMs ({ startTicks }: ProcessIdentity): number {
  const own = readProcessStat(process.pid)
  return Math.max(0, process.uptime() * 1000 + ((own?.startTicks ?? startTicks) - startTicks) * MS_PER_TICK)
}

/** An id that changes on every boot. */
export function readBootId (): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/** Whether a process was started with this variable. The environment of another user's process is readable by root only. */
export function hasVariable (pid: number, name: string, value: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${name}=${value}\0`)
  } catch (error) {
    if (isShortage(error)) throw error
    return false
  }
}
