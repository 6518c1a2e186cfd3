import { readFileSync, writeFileSync } from 'node:fs'

const MIB = 1024 * 1024

/** The peak growth of a process's resident memory, from now on. */
export class Growth {
  readonly #pid: number
  readonly #before: number

  constructor (pid: number) {
    this.#pid = pid
    // resets the peak that the kernel recorded (proc(5))
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
    this.#before = inMiB(pid, 'VmRSS')
  }

  get peakMiB (): number {
    return inMiB(this.#pid, 'VmHWM') - this.#before
  }
}

/** The peak resident memory of a process so far. */
export function peakMiB (pid: number): number {
  return inMiB(pid, 'VmHWM')
}

function inMiB (pid: number, field: string): number {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kib) * 1024 / MIB
}

/** Why one process cannot have that many connections; undefined if it can. */
export function tooManyFiles (connections: number): string | undefined {
  const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  const needed = connections + 200
  return limit !== undefined && Number(limit) < needed ? `not run: it needs ulimit -n ${needed}, it is ${limit}` : undefined
}
