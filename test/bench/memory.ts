import { readFileSync, writeFileSync } from 'node:fs'

const MIB = 1024 * 1024

/** By how much a process's resident memory grows, at its highest, from now on. */
export class Growth {
  readonly #pid: number
  readonly #before: number

  constructor (pid: number) {
    this.#pid = pid
    // sets the kernel's high-water mark back (proc(5))
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
    this.#before = inMiB(pid, 'VmRSS')
  }

  get peakMiB (): number {
    return inMiB(this.#pid, 'VmHWM') - this.#before
  }
}

/** The most memory that a process has had so far. */
export function peakMiB (pid: number): number {
  return inMiB(pid, 'VmHWM')
}

function inMiB (pid: number, field: string): number {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kib) * 1024 / MIB
}

/** Why so many connections in one process can't be; undefined: they can. */
export function tooManyFiles (connections: number): string | undefined {
  const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  const needed = connections + 200
  return limit !== undefined && Number(limit) < needed ? `not run: it needs ulimit -n ${needed}, it is ${limit}` : undefined
}
