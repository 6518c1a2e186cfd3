import { parseFileName, type FileKind } from '../../protocol/file-names.ts'

/** The ids of the tasks that have a file of one of these kinds. */
export function idsWith (kinds: FileKind[], names: Iterable<string>): string[] {
  const ids = new Set<string>()
  for (const name of names) {
    const file = parseFileName(name)
    if (file !== undefined && kinds.includes(file.kind)) ids.add(file.id)
  }
  return [...ids]
}
