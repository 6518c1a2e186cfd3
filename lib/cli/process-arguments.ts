import type { ProcessorOptions } from '../processor/options.ts'
import { defined } from '../util/defined.ts'
import { formatOptions, parseArguments, type OptionTable, type ParsedArguments } from './arguments.ts'
import { readCount, readDuration, readPath, readSize, readTimeLimit } from './option-values.ts'
import { UsageError } from './usage-error.ts'

export interface ProcessArguments {
  readonly dir: string
  readonly leaveRunning: boolean
  /** Path of the policy file. Undefined: any command is allowed. */
  readonly policy: string | undefined
  readonly options: ProcessorOptions
}

const USAGE = 'fastify-tasks process DIR --policy FILE'
/** The largest whole number of days that fits a timer. */
const MAX_GRACE_DAYS = 24

const OPTIONS = {
  policy: { value: 'FILE', help: ['the task types that may run, and how; reloaded when it changes', '(format: lib/processor/policy/POLICY.md)'] },
  'allow-any-command': { help: ['no policy: anyone with write access to DIR can run any command', 'as this user'] },
  concurrency: { value: 'N', help: ['maximum number of commands that run at the same time (default: 1)'] },
  grace: { value: 'TIME', help: ['time from SIGTERM to SIGKILL for a command that is stopped', '(default: 10s)'] },
  'max-log-size': { value: 'SIZE', help: ['maximum size of a log; further output is discarded (default: no', 'limit)'] },
  'retain-age': { value: 'TIME', help: ['delete finished tasks and their logs after this time'] },
  'retain-count': { value: 'N', help: ['keep at most N finished tasks; the oldest are deleted'] },
  'retain-bytes': { value: 'SIZE', help: ['limit the total size of the logs of finished tasks; the oldest', 'tasks are deleted (default of all three: keep all tasks)'] },
  'state-dir': {
    value: 'PATH',
    help: [
      'private directory for the attempt records, outside DIR, not writable', 'by other users (default: $STATE_DIRECTORY, or fastify-tasks in',
      '$XDG_STATE_HOME or ~/.local/state)'
    ]
  },
  'leave-running': { help: ['on a signal, exit but keep the commands running; the next processor', 'adopts them'] },
  cgroups: { help: ['run each command in a cgroup below the processor\'s own', '(systemd: Delegate=yes)'] },
  help: { help: ['print this text'] }
} satisfies OptionTable

export const PROCESS_HELP = `Usage: ${USAGE} [options]

Runs the queued tasks of the directory DIR until it is stopped by a signal.

Options:
${formatOptions(OPTIONS)}

TIME is a number with a unit: 500ms, 10s, 90m, 12h or 30d. SIZE is a number with a unit: 64K, 500M,
1G or 1T (powers of 1024), or a number of bytes.

SIGINT, SIGTERM and SIGHUP stop the processor: it claims no more tasks, and terminates the running
commands, whose tasks are marked failed. A second signal kills the commands immediately. If the
processor is killed or crashes, the commands keep running, and the next processor adopts them.

Exit codes: 0 stopped by a signal, 1 failed to start or lost the lock, 2 usage error.
`

/** @throws UsageError */
export function readProcessArguments (args: string[]): ProcessArguments {
  const given = parseArguments(args, OPTIONS, USAGE)
  /** Reads an option if it is given. */
  const read = <T>(name: keyof typeof OPTIONS, reader: (option: string, text: string) => T): T | undefined => {
    const text = given.text(name)
    return text === undefined ? undefined : reader(`--${name}`, text)
  }
  return {
    dir: given.dir,
    policy: readPolicy(given),
    leaveRunning: given.isGiven('leave-running'),
    options: {
      ...defined({
        concurrency: read('concurrency', readCount),
        graceMs: read('grace', (option, text) => readTimeLimit(option, text, MAX_GRACE_DAYS)),
        maxLogBytes: read('max-log-size', readSize),
        stateDir: read('state-dir', readPath)
      }),
      retain: defined({
        ageMs: read('retain-age', readDuration),
        count: read('retain-count', readCount),
        bytes: read('retain-bytes', readSize)
      }),
      cgroups: given.isGiven('cgroups')
    }
  }
}

/** Exactly one of `--policy` and `--allow-any-command` is required. */
function readPolicy (given: ParsedArguments): string | undefined {
  const path = given.text('policy')
  const anyCommand = given.isGiven('allow-any-command')
  if (path !== undefined && anyCommand) throw new UsageError('Use either --policy or --allow-any-command, not both.')
  if (path === undefined && !anyCommand) {
    throw new UsageError('Specify what may run with --policy FILE. Without a policy, anyone with write access to the directory, such as a web server, ' +
      'can run any command as this user. If you accept this, use --allow-any-command.')
  }
  return path === undefined ? undefined : readPath('--policy', path)
}
