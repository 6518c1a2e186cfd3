import { parseArgs } from 'node:util'
import { errorCode } from '../util/error-code.ts'
import { similarName } from '../util/names.ts'
import { UsageError } from './usage-error.ts'

/** One option of a command: how it is parsed, and its description in the command's help text. */
export interface CommandOption {
  /** Name of the value in the help text, such as `SIZE`. Undefined: the option takes no value. */
  readonly value?: string
  /** Lines of the description. */
  readonly help: readonly string[]
}

/** Options by their names without `--`, in the order of the help text. */
export type OptionTable = Readonly<Record<string, CommandOption>>

export interface ParsedArguments {
  readonly dir: string
  /** Value of an option; undefined: it is not given. */
  text (name: string): string | undefined
  isGiven (name: string): boolean
}

/**
 * Parses the arguments of a command that works on one directory.
 * @param usage printed where the directory is missing, such as `fastify-tasks check DIR`
 * @throws UsageError
 */
export function parseArguments (args: string[], table: OptionTable, usage: string): ParsedArguments {
  const { values, positionals } = parse(args, table)
  const [dir, ...others] = positionals
  if (dir === undefined || dir === '') throw new UsageError(`Missing argument DIR. Usage: ${usage}`)
  if (others.length > 0) throw new UsageError(`Expected one directory, got also: ${others.join(' ')}.`)
  return {
    dir,
    text (name) {
      const value = values[name]
      return typeof value === 'string' ? value : undefined
    },
    isGiven: (name) => values[name] !== undefined
  }
}

function parse (args: string[], table: OptionTable): { values: Record<string, string | boolean | undefined>, positionals: string[] } {
  const options = Object.fromEntries(Object.entries(table).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' as const : 'string' as const }]))
  try {
    return parseArgs({ args, allowPositionals: true, options })
  } catch (error) {
    const { message } = error as Error
    const [, name] = errorCode(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(-[^']*)'/.exec(message) ?? [] : []
    if (name === undefined) throw new UsageError(message)
    const meant = similarName(name, Object.keys(table))
    throw new UsageError(`Unknown option ${name}.${meant === undefined ? '' : ` Did you mean --${meant}?`}`)
  }
}

/** The lines of a help text that describe the options. */
export function formatOptions (table: OptionTable): string {
  const rows = Object.entries(table).map(([name, { value, help }]) => ({ option: value === undefined ? `--${name}` : `--${name} ${value}`, help }))
  const width = Math.max(...rows.map(({ option }) => option.length))
  return rows.flatMap(({ option, help }) => help.map((line, index) => `  ${(index === 0 ? option : '').padEnd(width)}  ${line}`)).join('\n')
}
