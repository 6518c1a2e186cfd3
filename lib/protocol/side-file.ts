import { MAX_SIDE_BYTES } from './file-names.ts'
import { ifExists, readText } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

/** Parses a claim or a cancel marker. Undefined: there is no such file; null: it is not valid JSON. */
export async function readSideFile (directory: TasksDirectory, name: string): Promise<unknown> {
  const file = await ifExists(readText(directory, name, MAX_SIDE_BYTES))
  if (file === undefined) return undefined
  try {
    return JSON.parse(file.text)
  } catch {
    return null
  }
}
