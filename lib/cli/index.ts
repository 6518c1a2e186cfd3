#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { UsageError } from './usage-error.ts'

const HELP = `fastify-tasks: a directory of plain files as a live task queue

Usage:
  fastify-tasks process DIR --policy FILE [options]   run the queued tasks of a directory
  fastify-tasks check DIR [--json]                    report violations of the file protocol
  fastify-tasks --help | --version

Options of process:
  --policy FILE         what may run and how (see lib/processor/policy/POLICY.md); reloaded on change
  --allow-any-command   no policy: anyone who can write to DIR can run any command as this user
  --concurrency N       how many tasks run at the same time (default: 1)
  --grace-ms N          time from SIGTERM to SIGKILL for a cancelled command, in ms (default: 10000)
  --log-max-bytes SIZE  a log is cut at this size, such as 500M or 1G (default: never); K, M, G, T are powers of 1024
  --retain-age TIME     remove finished tasks and their logs after this time: 30d, 12h, 90m, 3600s
  --retain-count N      keep at most N finished tasks, removing the oldest
  --retain-bytes SIZE   ... the oldest ones, when the logs of all have more (default of the three: all are kept)
  --state PATH          directory for its private state, outside DIR (default: $STATE_DIRECTORY, or fastify-tasks in
                        $XDG_STATE_HOME or ~/.local/state); nobody else may write there
  --leave-running       on a signal, exit but keep the commands running; the next processor adopts them
  --cgroups             a cgroup for each command, below the processor's own (systemd: Delegate=yes)

SIGINT, SIGTERM and SIGHUP stop the processor: no new tasks are taken, running ones are terminated and marked failed. A second signal kills them immediately.
If it is killed, its commands run on, and the next processor goes on with them.

Exit codes: 0 stopped, 1 failed to start or lost the lock, 2 usage error.

check reads the directory once and changes nothing. An error breaks the contract; a warning is allowed but unusual, such as
what a crash leaves; a note is about an unrelated file. The contract is in lib/protocol/PROTOCOL.md.

Exit codes of check: 0 no errors, 1 errors, 2 it was called in a wrong way, or the directory can't be read.
`

/** Each loads its own modules alone: the larger a processor, the longer it takes to start, and to start others. */
const COMMANDS = new Map<string | undefined, (args: string[]) => Promise<number>>([
  ['process', async (args) => await (await import('./process.ts')).processCommand(args)],
  ['check', async (args) => await (await import('./check.ts')).checkCommand(args)]
])

/** @returns the exit code */
async function main (args: string[]): Promise<number> {
  const [name, ...rest] = args
  const command = COMMANDS.get(name)
  if (command !== undefined) return wantsHelp(rest) ? help() : await command(rest)
  if (name === '--help' || name === '-h') return help()
  if (name === '--version') {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    console.log(version)
    return 0
  }
  throw new UsageError(name === undefined ? 'Missing command.' : `Unknown command "${name}".`)
}

function wantsHelp (args: string[]): boolean {
  return args.includes('--help') || args.includes('-h')
}

function help (): number {
  process.stdout.write(HELP)
  return 0
}

// who reads the output may leave; the work goes on
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code
}, (error: Error) => {
  const isUsage = error instanceof UsageError
  process.stderr.write(isUsage ? `${error.message}\nSee fastify-tasks --help.\n` : `${error.stack}\n`)
  process.exitCode = isUsage ? 2 : 1
})
