import type { OpenFile } from '../../protocol/file-system.ts'
import { PRIVILEGED_LOADER_VARIABLES } from '../environment.ts'
import { ATTEMPT_VARIABLE } from '../os/process-group.ts'
import type { Program } from '../policy/policy.ts'
import type { Attempt } from '../state/attempt.ts'

export interface LogTarget {
  /** Open for appending; both output streams go there. */
  readonly file: OpenFile
  /** Output beyond this size is dropped, in bytes. Undefined: no limit. */
  readonly maxBytes: number | undefined
}

/** What a wrapper needs to start one command. */
export interface WrapperJob {
  /** Descriptors of this process, open for appending. They must stay open until the wrapper is at its start gate or has failed. */
  readonly record: number
  readonly log: number
  /** The working directory. Undefined: the processor's. */
  readonly cwd: string | undefined
  /** Whether the command also inherits the processor's environment. */
  readonly inherits: boolean
  readonly env: NodeJS.ProcessEnv
  /** The wrapper's arguments (see `Wrapper`). */
  readonly args: readonly string[]
}

export function wrapperJob (attempt: Attempt, program: Program, log: LogTarget): WrapperJob {
  const { cgroup, nonce } = attempt.record.header
  const { shared, commandOnly } = variablesOf(program)
  return {
    record: attempt.fd,
    log: log.file.fd,
    cwd: program.cwd,
    // do not leak this user's environment to another user
    inherits: program.user === undefined,
    env: { ...shared, [ATTEMPT_VARIABLE]: nonce },
    args: [cgroup ?? '', String(log.maxBytes ?? ''), String(program.user?.uid ?? ''), ...argumentsOf(program, commandOnly)]
  }
}

/** @param variables what only the command gets, as arguments of `env` */
function argumentsOf (program: Program, variables: readonly string[]): readonly string[] {
  const command = 'argv' in program ? program.argv : ['sh', '-c', '--', program.shell]
  // set after the change of the user
  const argv = variables.length === 0 ? command : ['env', '--', ...variables, ...command]
  const { user } = program
  if (user === undefined) return argv
  // the wrapper stays this user's: the command's user must not reach the record through it
  return ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--init-groups', '--', ...argv]
}

/** Splits a program's variables into those that the wrapper may have too, and those that only the command gets. */
function variablesOf (program: Program): { shared: NodeJS.ProcessEnv, commandOnly: string[] } {
  const given = Object.entries(program.env)
  return {
    shared: { ...(program.user !== undefined && neutralVariables()), ...Object.fromEntries(given.filter(([name]) => !PRIVILEGED_LOADER_VARIABLES.test(name))) },
    commandOnly: given.filter(([name]) => PRIVILEGED_LOADER_VARIABLES.test(name)).map(([name, value]) => `${name}=${value}`)
  }
}

/** The variables of this process that a command of another user needs. */
function neutralVariables (): NodeJS.ProcessEnv {
  const { PATH, LANG, LC_ALL, TZ } = process.env
  return { PATH, LANG, LC_ALL, TZ }
}
