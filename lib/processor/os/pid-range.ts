import { readFileSync } from 'node:fs'

/** How many processes and threads were created since the machine started (proc(5)), in all namespaces. */
export function forkCount (): number {
  return Number(/^processes (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? NaN)
}

/** The pid allocated last in this namespace, even if its process could then not be created (cgroup limits). */
function lastPid (): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1))
}

/**
 * Returns a predicate for pids that may belong to processes created after `first`. Pids are allocated sequentially and
 * wrap around at pid_max, so after `forks` forks they lie within a bounded distance.
 * @param forks how many processes and threads were created since, in all namespaces; NaN: unknown, then every pid may belong
 * @param last the pid allocated last; if it is farther away than `forks` allows, processes that could not be created used up pids
 */
export function pidsAfter (first: number, forks: number, last = lastPid()): (pid: number) => boolean {
  const pidMax = Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'))
  const distance = (pid: number) => (pid - first + pidMax) % pidMax
  // allocation skips pids in use: far fewer than an eighth of all
  const reach = 2 * forks + pidMax / 8
  // otherwise pids may have wrapped around completely
  const isNear = reach < pidMax && distance(last) <= reach
  return isNear ? (pid) => distance(pid) <= distance(last) : () => true
}
