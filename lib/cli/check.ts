import { checkDirectory, type CheckReport } from '../check/check-directory.ts'
import { errorCode } from '../util/error-code.ts'
import { readCheckArguments } from './check-arguments.ts'
import { countFindings, formatJson, formatText } from './check-report.ts'
import { UsageError } from './usage-error.ts'

/**
 * `fastify-tasks check`: reports the files in a directory that violate the file contract.
 * @returns the exit code: 1 if there are errors
 * @throws UsageError also if the directory cannot be read
 */
export async function checkCommand (args: string[]): Promise<number> {
  const { dir, json } = readCheckArguments(args)
  const report = await check(dir)
  process.stdout.write(json ? formatJson(report) : formatText(report))
  return countFindings(report, 'error') === 0 ? 0 : 1
}

async function check (dir: string): Promise<CheckReport> {
  try {
    return await checkDirectory(dir)
  } catch (error) {
    if (errorCode(error) === 'UNKNOWN') throw error
    throw new UsageError(`The directory ${dir} cannot be checked: ${(error as Error).message}`)
  }
}
