import { isTaskId } from '../shared/task-id.ts'

/** A larger task file is not read: 1 MiB. */
export const MAX_TASK_BYTES = 1024 * 1024
/** A larger claim or cancel marker is not read: 64 KiB. */
export const MAX_SIDE_BYTES = 64 * 1024

export const FIFO_NAME = '.queue.fifo'

const FILE_KINDS = ['json', 'log', 'claim', 'cancel'] as const
/** The files of one task, by what follows the id's dot. */
export type FileKind = (typeof FILE_KINDS)[number]

export function fileName (id: string, kind: FileKind): string {
  return `${id}.${kind}`
}

/** The task id and the kind of a name in the directory; undefined if it is not the name of a task's file. */
export function parseFileName (name: string): { id: string, kind: FileKind } | undefined {
  const dot = name.indexOf('.')
  const id = name.slice(0, dot)
  const kind = FILE_KINDS.find((kind) => kind === name.slice(dot + 1))
  return kind !== undefined && isTaskId(id) ? { id, kind } : undefined
}

/** A name that only this package gives to a temporary file. */
export function isTemporaryName (name: string): boolean {
  return /^\.tmp-[0-9a-f]{18}$/.test(name)
}
