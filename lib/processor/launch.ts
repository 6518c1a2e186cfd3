import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { Attempt } from './attempt.ts'
import type { LogWriter } from './log-writer.ts'
import type { Program } from './policy/policy.ts'
import { ATTEMPT_VARIABLE } from './process-group.ts'
import { TaskCgroup } from './task-cgroup.ts'

/**
 * Run by `sh` in a session of its own, so that it outlives the processor. 3: the gate, 4: the record, 5: the log;
 * $1: the cgroup's folder or nothing, $2: the log's limit or nothing, then the program and its arguments.
 *
 * `setsid` gives the command a session apart from this shell and from the log's writer: whatever signals end the
 * command, its exit code is recorded and its output written to the end. A real pipe, not the log itself, is its
 * output, or an ordinary `> /dev/stderr` would truncate the log. What `sh` itself has to say ("Terminated") goes nowhere.
 */
const wrapper = (writer: LogWriter) => `
read -r stat < /proc/self/stat
echo "wrapper $stat" >&4
limit=$2
{
  (
    [ -z "$1" ] || echo 0 > "$1/cgroup.procs" || exit
    read -r stat < /proc/self/stat
    echo "leader $stat" >&4 || exit
    read -r start <&3 || { echo unstarted >&4; exit; }
    echo started >&4 || exit
    shift 2
    exec 2>&1 3<&- 4>&-
    exec setsid "$@"
  )
  echo "exit $?" >&4
} 2>/dev/null 5>&- | {
exec 3<&-
${writer.script}
}
echo "drained $?" >&4
`

/** A command that waits. It runs nothing until it is let go, and never will if this process ends. */
export interface Gate {
  open (): void
  /** Lets the command never run. */
  abandon (): void
}

export interface LogTarget {
  /** Open for appending: both streams go there. */
  readonly file: FileHandle
  readonly writer: LogWriter
  /** What goes beyond is dropped. Default: undefined, no limit. */
  readonly maxBytes: number | undefined
}

/**
 * Starts the processes for an attempt, up to the gate. Its standard input is `/dev/null`.
 * @throws the system's error where no process can be started, such as `E2BIG`
 */
export async function launch (attempt: Attempt, program: Program, log: LogTarget): Promise<Gate> {
  const { nonce, cgroup } = attempt.record.header
  if (cgroup !== undefined) new TaskCgroup(cgroup).create()
  const record = attempt.openForAppending()
  let gate: Duplex
  let exited = false
  try {
    const shell = spawn('/bin/sh', ['-c', wrapper(log.writer), 'sh', cgroup ?? '', String(log.maxBytes ?? ''), ...argumentsOf(program)], {
      detached: true,
      ...(program.cwd !== undefined && { cwd: program.cwd }),
      env: { ...baseEnvironment(program), ...program.env, [ATTEMPT_VARIABLE]: nonce },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', record.fd, log.file.fd]
    })
    shell.once('exit', () => { exited = true })
    await once(shell, 'spawn')
    // this process may end while it runs
    shell.unref()
    gate = shell.stdio[3] as Duplex
  } finally {
    record.close()
  }
  // it breaks when the wrapper is killed from outside, which shows in the record
  gate.on('error', () => {})
  const { leader, exitCode } = await attempt.until(({ leader, exitCode }) => leader !== undefined || exitCode !== undefined || exited)
  if (leader === undefined) {
    gate.destroy()
    throw new Error(`no process could be started for it (exit code ${exitCode}); is \`setsid\` installed?`)
  }
  return {
    // not left open until the wrapper ends: it would keep this process from ending, and a descriptor
    open () { gate.end('\n', () => gate.destroy()) },
    abandon () { gate.destroy() }
  }
}

function argumentsOf (program: Program): readonly string[] {
  const argv = 'argv' in program ? program.argv : ['sh', '-c', '--', program.shell]
  const { user } = program
  if (user === undefined) return argv
  // the shells of the wrapper stay this user's: the command's user must not reach the record through them
  return ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--init-groups', '--', ...argv]
}

/** The secrets of this user are none of another one's. */
function baseEnvironment ({ user }: Program): NodeJS.ProcessEnv {
  if (user === undefined) return process.env
  const { PATH, LANG, LC_ALL, TZ } = process.env
  return { PATH, LANG, LC_ALL, TZ }
}
