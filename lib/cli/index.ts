#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { similarName } from '../util/names.ts'
import { UsageError } from './usage-error.ts'

const HELP = `fastify-tasks: a directory of plain files as a live task queue

Usage:
  fastify-tasks process DIR --policy FILE [options]   run the queued tasks of a directory
  fastify-tasks check DIR [--json]                    report violations of the file contract
  fastify-tasks COMMAND --help                        describe the options of a command
  fastify-tasks --help | --version
`

interface Command {
  /** @returns the exit code */
  run (args: string[]): Promise<number>
  help (): Promise<string>
}

/** Commands load their modules on demand: a larger process takes longer to start, and to start other processes. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['process', {
    run: async (args: string[]) => await (await import('./process.ts')).processCommand(args),
    help: async () => (await import('./process-arguments.ts')).PROCESS_HELP
  }],
  ['check', {
    run: async (args: string[]) => await (await import('./check.ts')).checkCommand(args),
    help: async () => (await import('./check-arguments.ts')).CHECK_HELP
  }]
])

/** @returns the exit code */
async function main ([name, ...args]: string[]): Promise<number> {
  const command = COMMANDS.get(name ?? '')
  if (command !== undefined) return requestsHelp(args) ? print(await command.help()) : await command.run(args)
  if (name === '--help' || name === '-h') return print(HELP)
  if (name === '--version') return print(`${readVersion()}\n`)
  if (name === undefined) throw new UsageError('Missing command.')
  const meant = similarName(name, [...COMMANDS.keys()])
  throw new UsageError(`Unknown command "${name}".${meant === undefined ? '' : ` Did you mean ${meant}?`}`)
}

function requestsHelp (args: string[]): boolean {
  return args.includes('--help') || args.includes('-h')
}

function print (text: string): number {
  process.stdout.write(text)
  return 0
}

function readVersion (): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

function reportError (error: Error, [name]: string[]): void {
  const isUsage = error instanceof UsageError
  const help = name !== undefined && COMMANDS.has(name) ? `fastify-tasks ${name} --help` : 'fastify-tasks --help'
  process.stderr.write(isUsage ? `${error.message}\nSee ${help}.\n` : `${error.stack}\n`)
  process.exitCode = isUsage ? 2 : 1
}

// The reader of the output may close its end of the pipe; the command continues.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const args = process.argv.slice(2)
main(args).then((code) => { process.exitCode = code }, (error: Error) => reportError(error, args))
