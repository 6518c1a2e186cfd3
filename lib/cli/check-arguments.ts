import { formatOptions, parseArguments, type OptionTable } from './arguments.ts'

const USAGE = 'fastify-tasks check DIR'

const OPTIONS = {
  json: { help: ['print the findings as one line of JSON'] },
  help: { help: ['print this text'] }
} satisfies OptionTable

export const CHECK_HELP = `Usage: ${USAGE} [--json]

Reads the directory DIR once and reports each file that violates the file contract
(lib/protocol/PROTOCOL.md). It changes nothing.

Options:
${formatOptions(OPTIONS)}

An error violates the contract. A warning is allowed but unusual, such as the files that a crash
leaves. A note is about a file that is not part of the protocol.

Exit codes: 0 no errors, 1 errors, 2 usage error or unreadable directory.
`

/** @throws UsageError */
export function readCheckArguments (args: string[]): { dir: string, json: boolean } {
  const given = parseArguments(args, OPTIONS, USAGE)
  return { dir: given.dir, json: given.isGiven('json') }
}
