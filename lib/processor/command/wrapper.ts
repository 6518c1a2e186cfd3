import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * The process between the processor and a command, in its own session so that it outlives the processor. It starts the
 * command when the start gate opens, in another session, so that it also outlives the signals that terminate the command.
 * It copies the output from a real pipe to the log, and appends to the attempt record what happened. (With the log
 * itself as its output, a command's ordinary `> /dev/stderr` would truncate it.)
 *
 * Descriptors: 3 the start gate (one byte opens it, its end aborts the command), 4 the attempt record, 5 the log, both
 * open for appending.
 *
 * Arguments: the folder of the cgroup, or an empty string; the largest size of the log in bytes, or an empty string; the
 * id of the user that may open the output again (`> /dev/stderr`), or an empty string; the program and its arguments.
 *
 * Lines of the record: `wrapper STAT` and `leader STAT` (the line of `/proc/PID/stat`); `started` or `unstarted`;
 * `exit CODE`; `full` and `room` while it waits for free disk space; `drained CODE`, where 0 means that the log is
 * complete, 153 that it reached its limit and the rest was dropped, and any other code that it could not be written. If a
 * line before `started` does not fit on the disk, the command does not start.
 */
export interface Wrapper {
  /** The program and its first arguments; the arguments above follow. */
  readonly command: readonly [string, ...string[]]
  /** The command of a fork server that forks this wrapper; undefined: it must be spawned. */
  readonly forkServer: readonly [string, ...string[]] | undefined
  /** Whether it blocks (and the command with it) while the disk is full, instead of losing output. */
  readonly waitsForDisk: boolean
  /** Whether USR1 makes it finish: it writes the output that is in the pipe and no longer waits for free disk space. */
  readonly finishesOnSignal: boolean
}

/** Perl has no `setsid`, and loading POSIX doubles its start-up time, so call the system call by number. */
const SETSID: Partial<Record<NodeJS.Architecture, number>> = {
  arm: 66, arm64: 157, ia32: 66, loong64: 157, ppc64: 66, riscv64: 157, s390x: 66, x64: 112
}

/** Prefers Perl (half the cost) if available and not altered by PERL5OPT or PERLIO. */
export async function chooseWrapper (): Promise<Wrapper> {
  if (SETSID[process.arch] === undefined || process.env.PERL5OPT !== undefined || process.env.PERLIO !== undefined) return await shellWrapper()
  const runs = await promisify(execFile)('perl', ['-C0', '-e', 'exit 0']).then(() => true, () => false)
  return runs ? await perlWrapper() : await shellWrapper()
}

/** The program is read once and passed as text, so that an upgrade of the package does not change it in a running processor. */
export async function perlWrapper (): Promise<Wrapper> {
  const [wrapper, forkServer] = await Promise.all(['wrapper.pl', 'fork-server.pl'].map(readPerl)) as [string, string]
  const command = (text: string) => ['perl', '-C0', '-e', text, String(SETSID[process.arch])] as const
  return { command: command(wrapper), forkServer: command(wrapper + forkServer), waitsForDisk: true, finishesOnSignal: true }
}

/** Rounds the limit up to 512 bytes. */
export async function shellWrapper (): Promise<Wrapper> {
  return { command: ['/bin/sh', '-c', await readProgram('wrapper.sh'), 'sh'], forkServer: undefined, waitsForDisk: false, finishesOnSignal: false }
}

/** With the file's name for error messages. */
async function readPerl (name: string): Promise<string> {
  return `# line 1 "${name}"\n${await readProgram(name)}`
}

async function readProgram (name: string): Promise<string> {
  return await readFile(new URL(name, import.meta.url), 'utf8')
}
