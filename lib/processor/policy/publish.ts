import { MAX_INFO_BYTES, PROCESSOR_INFO_NAME } from '../../protocol/processor-info.ts'
import { readText } from '../../protocol/regular-file.ts'
import { replaceFile } from '../../protocol/write-file.ts'
import type { TaskType } from '../../shared/task-types.ts'
import type { Policy } from './policy.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/** The processor's own limits, for people to see. */
export type Limits = Readonly<Record<string, unknown>>

/**
 * Tells the web side which tasks may be created. Whoever can write to the directory can change what it says, so that
 * nothing is ever decided by it.
 * @returns what had to be left out because it would have been too long
 */
export async function publishTypes (directory: TasksDirectory, policy: Pick<Policy, 'types' | 'anyType'>, limits: Limits): Promise<string | undefined> {
  const { text, leftOut } = infoText(policy, limits)
  const before = await readText(directory, PROCESSOR_INFO_NAME, MAX_INFO_BYTES).catch(() => undefined)
  if (before?.text !== text) await replaceFile(directory, PROCESSOR_INFO_NAME, text)
  return leftOut
}

/** What is published: never how a type is run. */
export function infoText ({ types, anyType }: Pick<Policy, 'types' | 'anyType'>, limits: Limits): { text: string, leftOut?: string } {
  const format = (types: readonly TaskType[]) => `${JSON.stringify({ version: 1, types, ...(anyType && { anyType }), limits }, null, 2)}\n`
  const text = format(types)
  if (fits(text)) return { text }
  const short = format(types.map(({ config, ...rest }) => rest))
  return fits(short) ? { text: short, leftOut: 'the schemas of its types' } : { text: format([]), leftOut: 'its types' }
}

function fits (text: string): boolean {
  return Buffer.byteLength(text) <= MAX_INFO_BYTES
}
