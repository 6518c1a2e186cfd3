import { MAX_INFO_BYTES, PROCESSOR_INFO_NAME } from '../../protocol/file-names.ts'
import { readText } from '../../protocol/regular-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { replaceFile } from '../../protocol/write-file.ts'
import type { TaskType } from '../../shared/task-types.ts'
import type { Policy } from './policy.ts'

/** The limits of the processor, shown to users. */
export type PublishedLimits = Readonly<Record<string, unknown>>

/**
 * Writes `.processor.json`, from which the web side learns which tasks it can create. The file is only information:
 * anyone with write access to the directory can change it, so nothing is decided by it. An equal file is not written again.
 * @returns the part that was omitted because the file would be too large
 */
export async function publishInfo (directory: TasksDirectory, policy: Pick<Policy, 'types' | 'anyType'>, limits: PublishedLimits): Promise<string | undefined> {
  const { text, omitted } = formatInfo(policy, limits)
  const before = await readText(directory, PROCESSOR_INFO_NAME, MAX_INFO_BYTES).catch(() => undefined)
  if (before?.text !== text) await replaceFile(directory, PROCESSOR_INFO_NAME, text)
  return omitted
}

/** The text of the file. It never contains how a type is run. */
export function formatInfo ({ types, anyType }: Pick<Policy, 'types' | 'anyType'>, limits: PublishedLimits): { text: string, omitted?: string } {
  const format = (types: readonly TaskType[]) => `${JSON.stringify({ version: 1, types, ...(anyType && { anyType }), limits }, null, 2)}\n`
  const text = format(types)
  if (fits(text)) return { text }
  const short = format(types.map(({ config, ...rest }) => rest))
  return fits(short) ? { text: short, omitted: 'the schemas of its types' } : { text: format([]), omitted: 'its types' }
}

function fits (text: string): boolean {
  return Buffer.byteLength(text) <= MAX_INFO_BYTES
}
