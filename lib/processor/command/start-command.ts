import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { OpenFile } from '../../protocol/file-system.ts'
import type { Attempt } from '../state/attempt.ts'
import type { Program } from '../policy/policy.ts'
import type { Job, ForkServer } from './fork-server.ts'
import { ATTEMPT_VARIABLE } from '../os/process-group.ts'
import { forkCount } from '../os/process-stat.ts'
import { TaskCgroup } from '../os/task-cgroup.ts'
import type { Wrapper } from './wrapper.ts'

/**
 * A prepared command waiting at its start gate. It runs nothing until released, and never runs if this process dies
 * first.
 */
export interface Gate {
  /** `forkCount()` of before its processes were made. */
  readonly forksBefore: number
  open (): void
  /** Lets the command never run. */
  abandon (): void
}

export interface LogTarget {
  /** Open for appending: both streams go there. */
  readonly file: OpenFile
  /** What goes beyond is dropped. Default: undefined, no limit. */
  readonly maxBytes: number | undefined
}

/** The ways to start a command's wrapper. */
export interface Launchers {
  readonly wrapper: Wrapper
  /** The faster way, where there is one. */
  readonly launcher?: ForkServer | undefined
}

/** What stands or will stand at a gate. */
type Waiting = Omit<Gate, 'forksBefore'>

/**
 * Starts the processes for an attempt, up to the gate. Its standard input is `/dev/null`.
 * @throws the system's error where no process can be started, such as `E2BIG`
 */
export async function launch ({ wrapper, launcher }: Launchers, attempt: Attempt, program: Program, log: LogTarget): Promise<Gate> {
  const { cgroup } = attempt.record.header
  if (cgroup !== undefined) new TaskCgroup(cgroup).create()
  const forksBefore = forkCount()
  const { own, later } = variablesOf(program)
  const job: Job = {
    record: attempt.fd,
    log: log.file.fd,
    cwd: program.cwd,
    // do not leak this user's environment to another user
    inherits: program.user === undefined,
    env: { ...own, [ATTEMPT_VARIABLE]: attempt.record.header.nonce },
    args: [cgroup ?? '', String(log.maxBytes ?? ''), String(program.user?.uid ?? ''), ...argumentsOf(program, later)]
  }
  // if the fork server declines, spawn directly, which either works or reports why not
  const gate = await (launcher && fork(launcher, attempt, job)) ?? await spawnWrapper(wrapper, attempt, job)
  return { forksBefore, ...gate }
}

/** @returns undefined: nothing was begun, and nothing recorded */
async function fork (launcher: ForkServer, attempt: Attempt, job: Job): Promise<Waiting | undefined> {
  const { nonce } = attempt.record.header
  let refused = false
  const asked = launcher.start(nonce, job, () => {
    refused = true
    attempt.refresh()
  })
  if (!asked) return undefined
  if (await reachesGate(attempt, () => refused)) return { open: () => launcher.open(nonce), abandon: () => launcher.abandon(nonce) }
  // what it had begun to do may still write to this record: another attempt needs one of its own
  if (launcher.ended) throw new Error('the process that starts commands has ended')
  const { wrapper, exitCode } = attempt.record
  if (wrapper === undefined && exitCode === undefined) return undefined
  throw notStarted(attempt)
}

async function spawnWrapper ({ command: [file, ...args] }: Wrapper, attempt: Attempt, job: Job): Promise<Waiting> {
  let exited = false
  const child = spawn(file, [...args, ...job.args], {
    detached: true,
    ...(job.cwd !== undefined && { cwd: job.cwd }),
    env: job.inherits ? { ...process.env, ...job.env } : job.env,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', job.record, job.log]
  })
  child.once('exit', () => {
    exited = true
    attempt.refresh()
  })
  await once(child, 'spawn')
  // this process may end while it runs
  child.unref()
  const gate = child.stdio[3] as Duplex
  // it breaks when the wrapper is killed from outside, which shows in the record
  gate.on('error', () => {})
  if (await reachesGate(attempt, () => exited)) {
    // not left open until the wrapper ends: it would keep this process from ending, and a descriptor
    return { open: () => { gate.end('\n', () => gate.destroy()) }, abandon: () => { gate.destroy() } }
  }
  gate.destroy()
  throw notStarted(attempt)
}

/** Without its wrapper, nobody would take its output. */
async function reachesGate (attempt: Attempt, wrapperEnded: () => boolean): Promise<boolean> {
  const { leader } = await attempt.until(({ leader, exitCode }) => leader !== undefined || exitCode !== undefined || wrapperEnded())
  return leader !== undefined && !wrapperEnded()
}

function notStarted ({ record: { exitCode } }: Attempt): Error {
  const why = exitCode === undefined ? 'is there room in the state directory?' : `exit code ${exitCode}; is \`setsid\` installed?`
  return new Error(`no process could be started for it (${why})`)
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
 * Environment variables that influence which programs and libraries are loaded. A policy must not be able to set them
 * for the wrapper or `setpriv`, which run with this user's full privileges. After PATH, those that glibc itself ignores in a program that gains rights.
 */
const LOADS = /^(PATH|LD_.*|PERL.*|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TMPDIR|TZDIR|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|IFS)$/

/** What the processes before the command have in their environment, too, and what the command alone gets, as arguments of `env`. */
function variablesOf (program: Program): { own: NodeJS.ProcessEnv, later: string[] } {
  const given = Object.entries(program.env)
  return {
    own: { ...(program.user !== undefined && neutralVariables()), ...Object.fromEntries(given.filter(([name]) => !LOADS.test(name))) },
    later: given.filter(([name]) => LOADS.test(name)).map(([name, value]) => `${name}=${value}`)
  }
}

/** Of this process's, those that another user's needs. */
function neutralVariables (): NodeJS.ProcessEnv {
  const { PATH, LANG, LC_ALL, TZ } = process.env
  return { PATH, LANG, LC_ALL, TZ }
}
