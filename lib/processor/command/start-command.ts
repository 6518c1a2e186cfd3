import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { forkCount } from '../os/pid-range.ts'
import { TaskCgroup } from '../os/task-cgroup.ts'
import type { Program } from '../policy/policy.ts'
import type { Attempt } from '../state/attempt.ts'
import type { ForkServer } from './fork-server.ts'
import { wrapperJob, type LogTarget, type WrapperJob } from './wrapper-job.ts'
import type { Wrapper } from './wrapper.ts'

/** The start gate of a wrapper: the command starts when it opens, and never if it is aborted. */
interface Gate {
  open (): void
  abort (): void
}

/** A prepared command waiting at its start gate. It runs nothing until `open`, and never runs if this process dies first. */
export interface StartGate extends Gate {
  /** `forkCount()` before its processes were created. */
  readonly forksBefore: number
}

/** How wrappers are started: by the fork server if there is one, otherwise by `spawn`. */
export interface StartMethods {
  readonly wrapper: Wrapper
  readonly forkServer?: ForkServer | undefined
}

/**
 * Starts the processes of an attempt, up to the start gate. The command's standard input is `/dev/null`.
 * @throws the system's error if no process can be started, such as `E2BIG`
 */
export async function startCommand ({ wrapper, forkServer }: StartMethods, attempt: Attempt, program: Program, log: LogTarget): Promise<StartGate> {
  const { cgroup } = attempt.record.header
  if (cgroup !== undefined) new TaskCgroup(cgroup).create()
  const forksBefore = forkCount()
  const job = wrapperJob(attempt, program, log)
  // if the fork server declines, spawn directly, which either works or reports why not
  const gate = await (forkServer && forkWrapper(forkServer, attempt, job)) ?? await spawnWrapper(wrapper, attempt, job)
  return { forksBefore, ...gate }
}

/** @returns undefined if the fork server declined: nothing was started or recorded */
async function forkWrapper (forkServer: ForkServer, attempt: Attempt, job: WrapperJob): Promise<Gate | undefined> {
  const { nonce } = attempt.record.header
  let refused = false
  const accepted = forkServer.fork(nonce, job, () => {
    refused = true
    attempt.refresh()
  })
  if (!accepted) return undefined
  if (await reachesGate(attempt, () => refused)) return { open: () => forkServer.open(nonce), abort: () => forkServer.abort(nonce) }
  // a wrapper that it had forked may still write to this record: a retry needs a record of its own
  if (forkServer.hasExited) throw new Error('the fork server has exited')
  const { wrapper, exitCode } = attempt.record
  if (wrapper === undefined && exitCode === undefined) return undefined
  throw notStarted(attempt)
}

async function spawnWrapper ({ command: [file, ...args] }: Wrapper, attempt: Attempt, job: WrapperJob): Promise<Gate> {
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
  // the wrapper must not keep this process running
  child.unref()
  const gate = child.stdio[3] as Duplex
  // the pipe breaks if another process kills the wrapper, which shows in the record
  gate.on('error', () => {})
  if (await reachesGate(attempt, () => exited)) {
    // closed immediately: it would keep this process running, and use a descriptor, until the wrapper exits
    return { open: () => { gate.end('\n', () => gate.destroy()) }, abort: () => { gate.destroy() } }
  }
  gate.destroy()
  throw notStarted(attempt)
}

/** Whether the wrapper is running and its child is at the start gate. Without the wrapper, the output would be lost. */
async function reachesGate (attempt: Attempt, hasWrapperExited: () => boolean): Promise<boolean> {
  const { leader } = await attempt.until(({ leader, exitCode }) => leader !== undefined || exitCode !== undefined || hasWrapperExited())
  return leader !== undefined && !hasWrapperExited()
}

function notStarted ({ record: { exitCode } }: Attempt): Error {
  const why = exitCode === undefined ? 'is the disk of the state directory full?' : `exit code ${exitCode}; is \`setsid\` installed?`
  return new Error(`no process could be started for it (${why})`)
}
