import { MAX_SIDE_BYTES } from './file-names.ts'
import { ifExists, readText } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

/**
 * Reads and parses a claim or a marker.
 * @returns undefined if there is no such file; null if it is not valid JSON
 * @throws UnreadableFile if it is larger than 64 KiB, or not a regular file
 * @throws the system error, except `ENOENT`
 */
export async function readSideFile (directory: TasksDirectory, name: string): Promise<unknown> {
  const file = await ifExists(readText(directory, name, MAX_SIDE_BYTES))
  if (file === undefined) return undefined
  try {
    return JSON.parse(file.text)
  } catch {
    return null
  }
}
