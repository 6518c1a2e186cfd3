import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { Attempt } from './attempt.ts'
import type { Program } from './policy/policy.ts'
import { ATTEMPT_VARIABLE } from './process-group.ts'
import { forkCount } from './process-stat.ts'
import { TaskCgroup } from './task-cgroup.ts'
import type { Wrapper } from './wrapper.ts'

/** A command that waits. It runs nothing until it is let go, and never will if this process ends. */
export interface Gate {
  /** `forkCount()` of before its processes were made. */
  readonly forksBefore: number
  open (): void
  /** Lets the command never run. */
  abandon (): void
}

export interface LogTarget {
  /** Open for appending: both streams go there. */
  readonly file: FileHandle
  /** What goes beyond is dropped. Default: undefined, no limit. */
  readonly maxBytes: number | undefined
}

/**
 * Starts the processes for an attempt, up to the gate. Its standard input is `/dev/null`.
 * @throws the system's error where no process can be started, such as `E2BIG`
 */
export async function launch (wrapper: Wrapper, attempt: Attempt, program: Program, log: LogTarget): Promise<Gate> {
  const { nonce, cgroup } = attempt.record.header
  if (cgroup !== undefined) new TaskCgroup(cgroup).create()
  const forksBefore = forkCount()
  const record = attempt.openForAppending()
  let gate: Duplex
  let exited = false
  try {
    const [file, ...args] = wrapper.command
    const { own, later } = environmentOf(program)
    const child = spawn(file, [...args, cgroup ?? '', String(log.maxBytes ?? ''), String(program.user?.uid ?? ''), ...argumentsOf(program, later)], {
      detached: true,
      ...(program.cwd !== undefined && { cwd: program.cwd }),
      env: { ...own, [ATTEMPT_VARIABLE]: nonce },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', record.fd, log.file.fd]
    })
    child.once('exit', () => { exited = true })
    await once(child, 'spawn')
    // this process may end while it runs
    child.unref()
    gate = child.stdio[3] as Duplex
  } finally {
    record.close()
  }
  // it breaks when the wrapper is killed from outside, which shows in the record
  gate.on('error', () => {})
  const { leader, exitCode } = await attempt.until(({ leader, exitCode }) => leader !== undefined || exitCode !== undefined || exited)
  // without its wrapper, nobody would take its output
  if (leader === undefined || exited) {
    gate.destroy()
    throw new Error(`no process could be started for it (exit code ${exitCode}); is \`setsid\` installed?`)
  }
  return {
    forksBefore,
    // not left open until the wrapper ends: it would keep this process from ending, and a descriptor
    open () { gate.end('\n', () => gate.destroy()) },
    abandon () { gate.destroy() }
  }
}

function argumentsOf (program: Program, later: readonly string[]): readonly string[] {
  const plain = 'argv' in program ? program.argv : ['sh', '-c', '--', program.shell]
  // set after the change of the user
  const argv = later.length === 0 ? plain : ['env', '--', ...later, ...plain]
  const { user } = program
  if (user === undefined) return argv
  // the wrapper stays this user's: the command's user must not reach the record through it
  return ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--init-groups', '--', ...argv]
}

/**
 * What decides which programs and libraries are loaded, or what they do: to the wrapper and to `setpriv`, which have all
 * the rights of this user, a rule must not say it. After PATH, those that glibc itself ignores in a program that gains rights.
 */
const LOADS = /^(PATH|LD_.*|PERL.*|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TMPDIR|TZDIR|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|IFS)$/

/** What the processes before the command have, and what the command alone gets, as arguments of `env`. */
function environmentOf (program: Program): { own: NodeJS.ProcessEnv, later: string[] } {
  const given = Object.entries(program.env)
  return {
    own: { ...baseEnvironment(program), ...Object.fromEntries(given.filter(([name]) => !LOADS.test(name))) },
    later: given.filter(([name]) => LOADS.test(name)).map(([name, value]) => `${name}=${value}`)
  }
}

/** The secrets of this user are none of another one's. */
function baseEnvironment ({ user }: Program): NodeJS.ProcessEnv {
  if (user === undefined) return process.env
  const { PATH, LANG, LC_ALL, TZ } = process.env
  return { PATH, LANG, LC_ALL, TZ }
}
