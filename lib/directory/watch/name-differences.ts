import { kindsById, type FileKind } from '../../protocol/file-names.ts'
import type { RefreshTarget } from './refresh-queue.ts'

/** What is known about the files of a tasks directory. */
export interface KnownFiles {
  /** Tasks whose task file is known. */
  readonly tasks: ReadonlyMap<string, unknown>
  /** Tasks that have a claim or a cancel marker. */
  readonly sideFiles: ReadonlySet<string>
  /** The task counts as deleted, whether its file exists or not. */
  readonly isDeleted: (id: string) => boolean
  /** The task is known, and its log does not exist. */
  readonly isLogMissing: (id: string) => boolean
}

/** A file that appeared or disappeared. */
export interface NameDifference {
  readonly id: string
  readonly kind: FileKind
  /** What to refresh. */
  readonly target: RefreshTarget
}

/** Compares the names in a tasks directory with the known files. */
export function nameDifferences (names: readonly string[], known: KnownFiles): NameDifference[] {
  const present = kindsById(names)
  return [...appeared(present, known), ...disappeared(present, known)]
}

function * appeared (present: ReadonlyMap<string, ReadonlySet<FileKind>>, known: KnownFiles): Generator<NameDifference> {
  for (const [id, kinds] of present) {
    if (kinds.has('json') && !known.tasks.has(id) && !known.isDeleted(id)) yield { id, kind: 'json', target: 'task-file' }
    if (kinds.has('log') && known.isLogMissing(id)) yield { id, kind: 'log', target: 'log' }
    const sideKind = sideKindOf(kinds)
    if (sideKind !== undefined && !known.sideFiles.has(id)) yield { id, kind: sideKind, target: 'side-files' }
  }
}

function * disappeared (present: ReadonlyMap<string, ReadonlySet<FileKind>>, known: KnownFiles): Generator<NameDifference> {
  for (const id of known.tasks.keys()) {
    if (present.get(id)?.has('json') !== true) yield { id, kind: 'json', target: 'task-file' }
  }
  for (const id of known.sideFiles) {
    if (sideKindOf(present.get(id)) === undefined) yield { id, kind: 'claim', target: 'side-files' }
  }
}

function sideKindOf (kinds: ReadonlySet<FileKind> | undefined): FileKind | undefined {
  return kinds?.has('cancel') === true ? 'cancel' : kinds?.has('claim') === true ? 'claim' : undefined
}
