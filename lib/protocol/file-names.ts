import { randomBytes } from 'node:crypto'
import { isTaskId } from '../shared/task-id.ts'

/** A larger task file is not read: 1 MiB. */
export const MAX_TASK_BYTES = 1024 * 1024
/** A larger task is not accepted: the processor adds times and an error message to its file. */
export const MAX_NEW_TASK_BYTES = MAX_TASK_BYTES - 16 * 1024
/** A larger claim or cancel marker is not read: 64 KiB. */
export const MAX_SIDE_BYTES = 64 * 1024

/** The FIFO that wakes the processor up. */
export const FIFO_NAME = '.queue.fifo'
export const PROCESSOR_INFO_NAME = '.processor.json'
/** A larger `.processor.json` is neither written nor read: 256 KiB. */
export const MAX_INFO_BYTES = 256 * 1024

const FILE_KINDS = ['json', 'log', 'claim', 'cancel'] as const
/** The files of one task, by what follows the id's dot. */
export type FileKind = (typeof FILE_KINDS)[number]

/** The name of a file of a task, such as `task_1_a.json`. */
export function fileName (id: string, kind: FileKind): string {
  return `${id}.${kind}`
}

/** Parses a name in the directory. @returns undefined if it is not the name of a task's file */
export function parseFileName (name: string): { id: string, kind: FileKind } | undefined {
  const dot = name.indexOf('.')
  const id = name.slice(0, dot)
  const kind = FILE_KINDS.find((kind) => kind === name.slice(dot + 1))
  return kind !== undefined && isTaskId(id) ? { id, kind } : undefined
}

/** The kinds of files that each task has, from the names in the directory. It ignores names of other files. */
export function kindsById (names: Iterable<string>): Map<string, Set<FileKind>> {
  const kinds = new Map<string, Set<FileKind>>()
  for (const name of names) {
    const file = parseFileName(name)
    if (file === undefined) continue
    const present = kinds.get(file.id)
    if (present === undefined) kinds.set(file.id, new Set([file.kind]))
    else present.add(file.kind)
  }
  return kinds
}

/** A new name for a temporary file of this package. */
export function temporaryName (): string {
  return `.tmp-${randomBytes(9).toString('hex')}`
}

/** Whether this package gave that name to a temporary file: other programs use other names. */
export function isTemporaryName (name: string): boolean {
  return name.startsWith('.tmp-') && /^\.tmp-[0-9a-f]{18}$/.test(name)
}
